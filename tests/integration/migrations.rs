//! Every migration can be taken back, and leaves what it found.

#[test]
fn the_core_migrations_go_up_down_and_up_again_to_the_same_tables() {
    cartulary_db::testing::check_migrations(&[cartulary_repository::CORE_MIGRATIONS]);
}
