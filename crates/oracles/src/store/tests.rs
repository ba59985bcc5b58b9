use super::*;

fn answers(range: std::ops::Range<usize>) -> (Vec<String>, Vec<Arrived>) {
    let objects: Vec<String> = range.map(|i| format!("{i:0200}")).collect();
    let arrived = (0..objects.len()).map(|index| Arrived {
        index,
        answer: Answer::Scores(vec![index as f64]),
        seconds: 0.0,
        again: false,
    });
    let arrived = arrived.collect();
    (objects, arrived)
}

#[test]
fn a_full_disk_is_told_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let settings = StoreSettings {
        path: folder.path().join("scores.sqlite"),
        ..StoreSettings::default()
    };
    let store = Store::open(&settings).unwrap();
    let source = store.source("test", &["score".into()]).unwrap();
    let (first, arrived) = answers(0..100);
    store.commit(source, &first, &arrived).unwrap();
    // A disk with room for a few pages more.
    let pages: i64 = store
        .connection()
        .pragma_query_value(None, "page_count", |row| row.get(0))
        .unwrap();
    store
        .connection()
        .pragma_update_and_check(None, "max_page_count", pages + 4, |_| Ok(()))
        .unwrap();
    let (second, arrived) = answers(100..5000);
    let error = store.commit(source, &second, &arrived).unwrap_err();
    assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
    // All of that commit or nothing, and what was there before is there still.
    let count = |objects: &[String]| {
        store
            .find(source, objects)
            .unwrap()
            .iter()
            .flatten()
            .count()
    };
    assert_eq!((count(&first), count(&second)), (100, 0));
    store
        .connection()
        .pragma_update_and_check(None, "max_page_count", 1_000_000, |_| Ok(()))
        .unwrap();
    store.commit(source, &second, &arrived).unwrap();
    assert_eq!(count(&second), 4900);
}

#[test]
fn scores_are_never_replaced_and_failures_are() {
    let store = Store::in_memory().unwrap();
    let source = store.source("test", &["score".into()]).unwrap();
    let object = ["C".to_owned()];
    let arrive = |answer| {
        let arrived = Arrived {
            index: 0,
            answer,
            seconds: 0.5,
            again: false,
        };
        store.commit(source, &object, &[arrived]).unwrap();
        store.find(source, &object).unwrap().remove(0).unwrap()
    };
    let failed = Answer::failed(FailureKind::Crash, "it ended");
    assert_eq!(arrive(failed.clone()).answer, failed);
    let scores = Answer::Scores(vec![0.25]);
    let found = arrive(scores.clone());
    assert_eq!((found.answer, found.attempts), (scores.clone(), 2));
    assert_eq!(arrive(Answer::Scores(vec![0.75])).answer, scores);
    assert_eq!(arrive(failed).answer, scores);
}
