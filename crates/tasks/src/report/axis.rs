//! Axes with round ticks, linear or logarithmic.

/// Numbers beyond are drawn as this: differences and sums stay finite.
pub(super) const LARGEST: f64 = 1e300;

/// Values to places, 0 to 1.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    log: bool,
    /// Values that get a line and a label.
    pub(super) ticks: Vec<f64>,
    step: f64,
}

impl Axis {
    /// An axis that shows at least `low` to `high` with about `count` ticks.
    ///
    /// Logarithmic if asked for and both ends are positive.
    pub(super) fn new(low: f64, high: f64, count: usize, log: bool) -> Self {
        let (low, high) = widened(low, high);
        if log && low > 0.0 {
            return Self::logarithmic(low, high, count);
        }
        let step = nice_step((high - low) / count as f64);
        let (first, last) = ((low / step).floor(), (high / step).ceil());
        let ticks = (0..=(last - first).clamp(0.0, 50.0) as usize)
            .map(|i| (first + i as f64) * step)
            .collect();
        Self {
            low: first * step,
            high: last * step,
            log: false,
            ticks,
            step,
        }
    }

    /// An axis that ends exactly at `low` and `high`.
    pub(super) fn exact(low: f64, high: f64, count: usize) -> Self {
        let (low, high) = widened(low, high);
        let mut axis = Self::new(low, high, count, false);
        let slack = (high - low) * 1e-9;
        axis.ticks
            .retain(|tick| (low - slack..=high + slack).contains(tick));
        Self { low, high, ..axis }
    }

    fn logarithmic(low: f64, high: f64, count: usize) -> Self {
        let (first, last) = (low.log10().floor(), high.log10().ceil());
        let decades = (last - first).max(1.0);
        let every = (decades / count as f64).ceil().max(1.0);
        let mut ticks = Vec::new();
        let mut exponent = first;
        while exponent <= last {
            ticks.push(10f64.powf(exponent));
            exponent += every;
        }
        Self {
            low: 10f64.powf(first),
            high: 10f64.powf(first + decades),
            log: true,
            ticks,
            step: 0.0,
        }
    }

    /// Where a value lies; what is outside lies at the nearer end.
    pub(super) fn place(&self, value: f64) -> f64 {
        let value = value.clamp(-LARGEST, LARGEST);
        let place = if self.log {
            (value.max(self.low).ln() - self.low.ln()) / (self.high.ln() - self.low.ln())
        } else {
            (value - self.low) / (self.high - self.low)
        };
        place.clamp(0.0, 1.0)
    }

    /// A tick's label.
    pub(super) fn label(&self, tick: f64) -> String {
        if self.log {
            return compact(tick);
        }
        let largest = self.low.abs().max(self.high.abs());
        let (scale, suffix) = match largest {
            l if l >= 2e6 => (1e6, "M"),
            l if l >= 1e4 => (1e3, "k"),
            _ => (1.0, ""),
        };
        let decimals = (-(self.step / scale).log10().floor()).clamp(0.0, 9.0);
        // A step of 2.5 needs one more digit than its power of ten says.
        let digits = self.step / scale * 10f64.powf(decimals);
        let decimals = decimals as usize + usize::from((digits - digits.round()).abs() > 1e-6);
        let value = tick / scale;
        let text = format!("{:.decimals$}", if value == 0.0 { 0.0 } else { value });
        if value == 0.0 { text } else { text + suffix }
    }
}

/// A range that has a width, whatever is put in.
fn widened(low: f64, high: f64) -> (f64, f64) {
    let finite = |value: f64| {
        if value.is_finite() {
            value.clamp(-LARGEST, LARGEST)
        } else {
            0.0
        }
    };
    let (low, high) = (finite(low), finite(high));
    if high - low > 1e-12 * low.abs().max(high.abs()).max(1e-280) {
        (low, high)
    } else {
        let room = (low.abs() * 0.1).max(0.5);
        (low - room, low + room)
    }
}

/// The smallest of 1, 2, 2.5, 5 times a power of ten that is not below `raw`.
pub(super) fn nice_step(raw: f64) -> f64 {
    let power = 10f64.powf(raw.log10().floor());
    [1.0, 2.0, 2.5, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= raw * (1.0 - 1e-9))
        .unwrap_or(10.0 * power)
}

/// A number for people: four digits, thousands as k.
pub(super) fn compact(value: f64) -> String {
    with_digits(value, 4)
}

/// A number for people with so many significant digits.
pub(super) fn with_digits(value: f64, digits: u32) -> String {
    let size = value.abs();
    if !value.is_finite() {
        "–".to_owned()
    } else if value == 0.0 {
        "0".to_owned()
    } else if !(1e-4..1e7).contains(&size) {
        format!("{value:.2e}").replace(".00e", "e")
    } else if size >= 1e4 {
        format!("{}k", trimmed(format!("{:.1}", value / 1e3)))
    } else {
        let before = size.log10().floor() + 1.0;
        let decimals = (f64::from(digits) - before).clamp(0.0, 7.0) as usize;
        trimmed(format!("{value:.decimals$}"))
    }
}

fn trimmed(text: String) -> String {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_cover_the_range() {
        let axis = Axis::new(0.03, 0.97, 5, false);
        let labels: Vec<_> = axis.ticks.iter().map(|t| axis.label(*t)).collect();
        assert_eq!(labels, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        let axis = Axis::new(0.0, 9.0, 4, false);
        let labels: Vec<_> = axis.ticks.iter().map(|t| axis.label(*t)).collect();
        assert_eq!(labels, ["0.0", "2.5", "5.0", "7.5", "10.0"]);
        let axis = Axis::new(0.002, 700.0, 5, true);
        let labels: Vec<_> = axis.ticks.iter().map(|t| axis.label(*t)).collect();
        assert_eq!(labels, ["0.001", "0.1", "10", "1000"]);
        let axis = Axis::exact(1.0, 20_000.0, 4);
        let labels: Vec<_> = axis.ticks.iter().map(|t| axis.label(*t)).collect();
        assert_eq!(labels, ["5k", "10k", "15k", "20k"]);
    }

    #[test]
    fn any_range_makes_an_axis() {
        let odd = [
            0.0,
            -0.0,
            1.0,
            -1.0,
            1e300,
            -1e300,
            1e-300,
            f64::MAX,
            f64::NAN,
            f64::INFINITY,
            1e16,
            1e16 + 2.0,
        ];
        for low in odd {
            for high in odd {
                for log in [false, true] {
                    for axis in [Axis::new(low, high, 5, log), Axis::exact(low, high, 5)] {
                        assert!(axis.ticks.len() <= 51);
                        for value in odd.into_iter().filter(|value| value.is_finite()) {
                            let place = axis.place(value);
                            assert!(
                                (0.0..=1.0).contains(&place),
                                "{low} {high} {value}: {place}"
                            );
                            assert!(axis.label(value).len() < 400);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn numbers_for_people_are_short() {
        let texts = [
            0.62341,
            12.3456,
            1234.6,
            45_678.0,
            3e-9,
            -2.0,
            1e9,
            f64::NAN,
        ]
        .map(compact);
        assert_eq!(
            texts,
            ["0.6234", "12.35", "1235", "45.7k", "3e-9", "-2", "1e9", "–"]
        );
    }
}
