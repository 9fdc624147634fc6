//! Pools, transactions and migrations over SQLite and PostgreSQL.
