//! Tests of the layers, the reference and the samples.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::collections::BTreeSet;
use std::path::Path;

use super::reference::{areas, table_at};
use super::sample::Sample;
use super::*;

/// Loads with the given file, variables and flags.
fn load_with(
    file: &str,
    variables: &[(&str, &str)],
    flags: &[(&'static str, &str)],
) -> Result<Loaded, ConfigurationError> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("config")).unwrap();
    if !file.is_empty() {
        std::fs::write(folder.path().join("config/cartulary.toml"), file).unwrap();
    }
    load(&Sources {
        data_dir: folder.path().to_owned(),
        config_file: None,
        environment: variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        flags: flags.iter().map(|(path, value)| (*path, toml::Value::String((*value).to_owned()))).collect(),
    })
}

fn refusal(file: &str, variables: &[(&str, &str)]) -> String {
    load_with(file, variables, &[]).unwrap_err().to_string()
}

#[test]
fn without_a_file_the_defaults_hold() {
    let loaded = load_with("", &[], &[]).unwrap();
    assert_eq!(loaded.configuration.server, ServerSettings::default());
    assert_eq!(loaded.file, None);
    assert!(loaded.origins.is_empty());
}

#[test]
fn a_later_layer_wins() {
    let file = "[server]\nlisten = '127.0.0.1:1'\nthreads = 3\n[log]\nlevel = 'warn'";
    let listen = |variables: &[(&str, &str)], flags: &[(&'static str, &str)]| {
        load_with(file, variables, flags).unwrap().configuration.server.listen
    };
    let variable = [("CARTULARY_SERVER_LISTEN", "127.0.0.1:2")];
    assert_eq!(listen(&[], &[]), "127.0.0.1:1");
    assert_eq!(listen(&variable, &[]), "127.0.0.1:2");
    assert_eq!(listen(&variable, &[("server.listen", "127.0.0.1:3")]), "127.0.0.1:3");
    let loaded = load_with(file, &variable, &[]).unwrap();
    assert_eq!(loaded.configuration.server.threads, 3);
    assert_eq!(loaded.origins["server.listen"], "CARTULARY_SERVER_LISTEN");
    assert!(loaded.origins["log.level"].ends_with("cartulary.toml"));
}

#[test]
fn an_unknown_key_is_refused_with_its_name_and_line() {
    let message = refusal("[server]\nlisten = '127.0.0.1:1'\nlisen = 'x'", &[]);
    assert!(message.contains("lisen") && message.contains("line 3"), "{message}");
    let message = refusal("[serve]\n", &[]);
    assert!(message.contains("serve"), "{message}");
}

#[test]
fn an_unknown_variable_is_refused_with_the_nearest_one() {
    let message = refusal("", &[("CARTULARY_SERVER_LISEN", "x")]);
    assert!(message.contains("CARTULARY_SERVER_LISEN") && message.contains("CARTULARY_SERVER_LISTEN"), "{message}");
    assert!(load_with("", &[("CARTULARY_TOKEN", "x"), ("CARTULARY_CACHE", "y")], &[]).is_ok());
}

#[test]
fn a_variable_of_a_wrong_type_is_refused_with_its_name() {
    let message = refusal("", &[("CARTULARY_SERVER_THREADS", "many")]);
    assert!(message.contains("CARTULARY_SERVER_THREADS"), "{message}");
}

#[test]
fn numbers_lists_and_nested_settings_come_from_the_environment() {
    let loaded = load_with(
        "",
        &[
            ("CARTULARY_SERVER_TRUSTED_PROXIES", "10.0.0.2, 10.1.0.0/16"),
            ("CARTULARY_SERVER_TLS_MODE", "officeAuthority"),
            ("CARTULARY_DATABASE_SQLITE_READERS", "7"),
        ],
        &[],
    )
    .unwrap();
    let server = &loaded.configuration.server;
    assert_eq!(server.trusted_proxies, ["10.0.0.2", "10.1.0.0/16"]);
    assert_eq!(server.tls.mode, TlsMode::OfficeAuthority);
    assert_eq!(loaded.configuration.database.sqlite.readers, 7);
}

#[test]
fn the_environment_may_turn_to_another_store() {
    let file = "[store]\nkind = 'folder'\npath = '/srv/blobs'";
    let variables = [("CARTULARY_STORE_KIND", "s3"), ("CARTULARY_STORE_BUCKET", "papers")];
    let loaded = load_with(file, &variables, &[]).unwrap();
    let StoreConfig::S3(settings) = loaded.configuration.store else { panic!("not s3") };
    assert_eq!(settings.bucket, "papers");
}

#[test]
fn relative_paths_lie_in_the_data_folder() {
    let loaded = load_with("[store]\nkind = 'folder'\npath = 'bytes'", &[], &[]).unwrap();
    let root = &loaded.data.root;
    assert_eq!(loaded.configuration.database.sqlite.path, root.join("db/cartulary.sqlite"));
    assert_eq!(loaded.configuration.index.path, root.join("index"));
    let StoreConfig::Folder(cartulary_blobs::FolderSettings { path, .. }) = &loaded.configuration.store else {
        panic!("not a folder")
    };
    assert_eq!(*path, root.join("bytes"));
}

#[test]
fn a_file_that_is_named_must_be_there() {
    let error = load(&Sources { config_file: Some("/nowhere/office.toml".into()), ..Sources::default() }).unwrap_err();
    assert!(error.to_string().contains("/nowhere/office.toml"), "{error}");
}

#[test]
fn contradictions_are_said_all_at_once() {
    let message = refusal("[server]\nlisten = 'here'\n[server.tls]\nmode = 'files'\n[session]\nhours = 0", &[]);
    for setting in ["server.listen", "server.tls.mode", "session.hours"] {
        assert!(message.contains(setting), "{setting}: {message}");
    }
}

#[test]
fn a_secret_is_neither_printed_nor_repeated_in_an_error() {
    let url = [("CARTULARY_DATABASE_POSTGRES_URL", "postgres://office:sesame@db/office")];
    let loaded = load_with("", &url, &[]).unwrap();
    assert!(!format!("{:?}", loaded.configuration).contains("sesame"));
    assert!(!toml::to_string(&loaded.configuration).unwrap().contains("sesame"));
    let message = refusal("[store]\nkind = 's3'\nsecretKey = 'sesame'", &[]);
    assert!(!message.contains("sesame"), "{message}");
}

#[test]
fn every_setting_is_documented_and_every_documented_one_exists() {
    let defaults = toml::Table::try_from(Configuration::default()).unwrap();
    let unwritten = ["database.postgres.url", "database.postgres.urlFile"];
    for area in areas().iter().filter(|area| area.variant.is_none()) {
        let table = table_at(&defaults, area.path).unwrap();
        let scalars = table.iter().filter(|(_, value)| !value.is_table());
        let written: BTreeSet<String> = scalars.map(|(key, _)| format!("{}.{key}", area.path)).collect();
        let documented: BTreeSet<String> = area.settings.iter().map(|e| format!("{}.{}", area.path, e.key)).collect();
        let missing: Vec<&String> = written.difference(&documented).collect();
        let dead: Vec<&String> =
            documented.difference(&written).filter(|path| !unwritten.contains(&path.as_str())).collect();
        assert!(missing.is_empty() && dead.is_empty(), "undocumented {missing:?}, gone {dead:?}");
        assert!(area.settings.iter().all(|entry| !entry.doc.is_empty()));
    }
    let listed: BTreeSet<&str> = areas().iter().map(|area| area.path.split('.').next().unwrap()).collect();
    assert_eq!(listed, defaults.keys().map(String::as_str).collect());
}

#[test]
fn the_samples_on_disk_are_those_of_the_program() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../storage-config");
    let mut names = BTreeSet::new();
    for Sample { name, .. } in SAMPLES {
        let file = format!("{name}.toml");
        let on_disk = std::fs::read_to_string(folder.join(&file)).unwrap_or_default();
        let command = format!("cargo run --bin cartulary -- config sample {name} > storage-config/{file}");
        assert!(on_disk == sample(name).unwrap(), "{file} is out of date; run: {command}");
        names.insert(file);
    }
    let present = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(present.filter(|file| file.ends_with(".toml")).collect::<BTreeSet<_>>(), names);
}

#[test]
fn every_sample_is_a_configuration() {
    for Sample { name, .. } in SAMPLES {
        let parsed: Result<Configuration, _> = toml::from_str(&sample(name).unwrap());
        assert!(parsed.is_ok(), "{name}: {parsed:?}");
    }
    assert!(load_with(&sample("embedded").unwrap(), &[], &[]).is_ok());
}

#[test]
fn the_defaults_that_a_sample_shows_are_the_defaults() {
    for Sample { name, .. } in SAMPLES {
        let text = sample(name).unwrap();
        let settings = text.lines().map(|line| match line.strip_prefix("# ") {
            Some(rest) if rest.split_once(" = ").is_some_and(|(key, _)| key.chars().all(char::is_alphanumeric)) => rest,
            _ => line,
        });
        let uncommented = settings.filter(|line| !line.ends_with(" =")).collect::<Vec<_>>().join("\n");
        let all: Result<Configuration, _> = toml::from_str(&uncommented);
        assert!(all.is_ok(), "{name}: {all:?}");
    }
}

#[test]
fn the_defaults_are_those_of_the_web_server() {
    let settings = ServerSettings::default();
    let listen = settings.listen.parse().unwrap();
    assert_eq!(settings.http_config(listen), cartulary_http::HttpConfig::default());
}

#[test]
fn addresses_to_listen_on_are_split() {
    assert_eq!(split_listen("127.0.0.1:80"), Some(("127.0.0.1".to_owned(), 80)));
    assert_eq!(split_listen("[::1]:80"), Some(("::1".to_owned(), 80)));
    assert_eq!(split_listen("office.example:443"), Some(("office.example".to_owned(), 443)));
    for wrong in ["::1:80", "127.0.0.1", ":80", "host:port", "host:99999"] {
        assert_eq!(split_listen(wrong), None, "{wrong}");
    }
}
