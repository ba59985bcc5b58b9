//! Functions of single numbers, written so that the compiler turns loops over them into vectors.

/// LeakyReLU with the slope 0.01 below zero.
#[inline(always)]
pub(super) fn leaky(x: f32) -> f32 {
    x.max(0.01 * x)
}

/// e^x to a relative error of 2e-7; x is cut to -87..=87, where f32 holds the result.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    /// Adding it leaves a whole number in the lowest bits.
    const MAGIC: f32 = 12_582_912.0;
    /// ln 2 in two parts, the first with few enough bits for exact products.
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    let x = x.clamp(-87.0, 87.0);
    let shifted = x * std::f32::consts::LOG2_E + MAGIC;
    let whole = shifted - MAGIC;
    let rest = x - whole * LN_2[0] - whole * LN_2[1];
    let mut sum = 1.0 / 720.0;
    for coefficient in [1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        sum = sum * rest + coefficient;
    }
    // 2^whole by its exponent alone.
    sum * f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3f80_0000))
}

/// 1 / (1 + e^-x).
#[inline(always)]
pub(super) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// The hyperbolic tangent, to an absolute error of 2e-7.
#[inline(always)]
pub(super) fn tanh(x: f32) -> f32 {
    1.0 - 2.0 / (1.0 + exp(2.0 * x))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_what_they_are_called() {
        for step in -4000..=4000 {
            let x = step as f32 / 100.0;
            let exact = f64::from(x);
            let relative = f64::from(exp(x)) / exact.exp() - 1.0;
            assert!(relative.abs() < 4e-7, "e^{x}: {relative}");
            assert!((f64::from(tanh(x)) - exact.tanh()).abs() < 3e-7, "tanh {x}");
            let sigmoid_error = f64::from(sigmoid(x)) - 1.0 / (1.0 + (-exact).exp());
            assert!(sigmoid_error.abs() < 2e-7, "sigmoid {x}");
            assert_eq!(leaky(x), if x > 0.0 { x } else { 0.01 * x });
        }
        assert_eq!(tanh(1e9), 1.0);
        assert_eq!(sigmoid(-1e9), 1.0 / (1.0 + exp(87.0)));
    }
}
