//! The database file itself; states are tested from outside, in `tests/approvals`.

use super::*;

#[test]
fn a_database_of_a_newer_program_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("approvals.sqlite");
    let open = || Store::open(&path, Limits::default(), false);
    drop(open().unwrap());
    drop(open().unwrap());
    let newer = |version: usize| {
        let db = Connection::open(&path).unwrap();
        db.execute_batch(&format!("PRAGMA user_version = {version}")).unwrap();
    };
    newer(MIGRATIONS.len() + 1);
    let problem = open().err().unwrap().to_string();
    assert!(problem.contains("use a newer program"), "{problem}");
    newer(MIGRATIONS.len());
    assert!(open().is_ok());
}

#[test]
fn what_is_committed_is_on_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let store =
        Store::open(&folder.path().join("approvals.sqlite"), Limits::default(), false).unwrap();
    let pragma = |name: &str| {
        store
            .read(|db| {
                Ok(db.query_row(&format!("PRAGMA {name}"), [], |row| {
                    row.get::<_, rusqlite::types::Value>(0)
                })?)
            })
            .unwrap()
    };
    assert_eq!(pragma("journal_mode"), rusqlite::types::Value::Text("wal".to_owned()));
    // FULL.
    assert_eq!(pragma("synchronous"), rusqlite::types::Value::Integer(2));
}
