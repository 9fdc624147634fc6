//! The repository against a simple model in memory: whatever two people do, in whatever order, both give the same answers,
//! on SQLite and on PostgreSQL.

mod acts;
mod office;
mod world;

use cartulary_tests::office::each_office;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

/// So many sequences are tried on each database; `CARTULARY_SOAK` asks for twenty times as many.
const SEQUENCES: u32 = 24;
const ACTS_MAX: usize = 40;

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_done_the_repository_and_a_simple_model_give_the_same_answers() {
    each_office(async |office| {
        let people = office::People::of(office).await;
        let cases = if std::env::var_os("CARTULARY_SOAK").is_some() { SEQUENCES * 20 } else { SEQUENCES };
        let config = Config { cases, max_shrink_iters: 200, failure_persistence: None, ..Config::default() };
        let strategy = proptest::collection::vec(acts::act(), 1..ACTS_MAX);
        let office = &*office;
        let outcome = tokio::task::block_in_place(|| {
            TestRunner::new(config).run(&strategy, |acts| {
                let tried = tokio::runtime::Handle::current().block_on(office::run(office, &people, &acts));
                tried.map_err(TestCaseError::fail)
            })
        });
        if let Err(error) = outcome {
            panic!("{error}");
        }
        let report = office.repository.verify(Default::default(), |_| {}).await.unwrap();
        assert!(report.is_clean() && report.index_repaired == 0, "{report:?}");
    })
    .await;
}
