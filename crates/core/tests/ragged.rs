//! Laws of ragged arrays.

use anabranch_core::Ragged;
use proptest::prelude::*;

proptest! {
    // A failure is printed; files of failures beside the tests are nobody's to keep.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_survive_the_flat_form(rows in prop::collection::vec(prop::collection::vec(any::<i32>(), 0..6), 0..12)) {
        let ragged: Ragged<i32> = rows.iter().cloned().collect();
        prop_assert_eq!(ragged.len(), rows.len());
        prop_assert_eq!(ragged.is_empty(), rows.is_empty());
        prop_assert_eq!(ragged.rows().map(<[i32]>::to_vec).collect::<Vec<_>>(), rows.clone());
        prop_assert_eq!(ragged.items(), rows.concat());
        for (place, row) in rows.iter().enumerate() {
            prop_assert_eq!(ragged.row(place), &row[..]);
            prop_assert_eq!(&ragged.items()[ragged.range(place)], &row[..]);
        }

        let parts = Ragged::from_parts(ragged.items().to_vec(), ragged.offsets().to_vec());
        prop_assert_eq!(parts, Some(ragged.clone()));
        let mut written = Ragged::new();
        for row in &rows {
            written.push_with(|out| out.extend(row));
        }
        prop_assert_eq!(&written, &ragged);
        let doubled = ragged.map(|&v| i64::from(v) * 2);
        prop_assert_eq!(doubled.offsets(), ragged.offsets());
        prop_assert!(doubled.items().iter().zip(ragged.items()).all(|(d, &v)| *d == i64::from(v) * 2));
    }

    #[test]
    fn parts_are_taken_where_they_describe_rows(items in 0_usize..6, offsets in prop::collection::vec(0_usize..8, 0..6)) {
        let sound = offsets.first() == Some(&0)
            && offsets.last() == Some(&items)
            && offsets.is_sorted();
        let parts = Ragged::from_parts(vec![0_u8; items], offsets.clone());
        prop_assert_eq!(parts.is_some(), sound);
        if let Some(ragged) = parts {
            prop_assert_eq!(ragged.rows().map(<[u8]>::len).sum::<usize>(), items);
        }
    }

    #[test]
    fn a_row_can_be_written_without_touching_others(lengths in prop::collection::vec(0_usize..5, 1..8), pick in any::<prop::sample::Index>()) {
        let mut ragged: Ragged<usize> = lengths.iter().map(|&n| vec![0; n]).collect();
        let place = pick.index(lengths.len());
        ragged.row_mut(place).fill(1);
        for (other, row) in ragged.rows().enumerate() {
            prop_assert!(row.iter().all(|&v| v == usize::from(other == place)));
        }
    }
}
