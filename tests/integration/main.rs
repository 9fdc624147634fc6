//! The behaviour of the office, through its public doors, on SQLite and PostgreSQL alike.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::print_stdout)]

mod access;
mod annotations;
mod arrangements;
mod audit;
mod backups;
mod bags;
mod bags_hostile;
mod bulk;
mod copies;
mod declaring;
mod documents;
mod entries;
mod filing;
mod filing_at_random;
mod full_disk;
mod garbage;
mod hand_overs;
mod hostile;
mod imports;
mod kill;
mod life_cycles;
mod locks;
mod migrations;
mod names;
mod policies;
mod power;
mod proof;
mod queries;
mod quotas;
mod readings;
mod relationships;
mod retention;
mod sealing;
mod searching;
mod slots;
mod slow_clients;
mod store_faults;
mod tags;
mod tls_network;
mod trash;
mod tus_client;
mod uploads;
mod versions;
mod webhooks;
