//! The commented samples of `storage-config/`, made from the documented settings.

use std::fmt::Write;

use super::reference::{Area, areas};

/// A sample configuration: what it is for, and what it sets.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Its name; the file is `<name>.toml`.
    pub name: &'static str,
    /// What it is for, in lines.
    pub about: &'static [&'static str],
    /// What it sets: path and value in TOML.
    pub sets: &'static [(&'static str, &'static str)],
}

/// All samples.
pub const SAMPLES: &[Sample] = &[
    Sample {
        name: "embedded",
        about: &[
            "Everything on one machine, inside the data folder: SQLite, a folder of blobs, Tantivy. This is what holds",
            "without any configuration; every setting is shown with its default.",
        ],
        sets: &[],
    },
    Sample {
        name: "folder",
        about: &[
            "One machine, with the bytes on a disk of their own. The folder must lie on a local file system, or on a",
            "network one that keeps what was synced.",
        ],
        sets: &[
            ("store.kind", "\"folder\""),
            ("store.path", "\"/srv/cartulary/blobs\""),
            ("store.reserveBytes", "10737418240"),
        ],
    },
    Sample {
        name: "s3-garage",
        about: &[
            "The bytes in Garage, an S3-compatible store of one's own, on this machine or in this network.",
            "Set `metadata_fsync = true` and `data_fsync = true` in garage.toml: without them a power cut loses blobs.",
        ],
        sets: &[
            ("store.kind", "\"s3\""),
            ("store.endpoint", "\"http://127.0.0.1:3900\""),
            ("store.bucket", "\"cartulary\""),
            ("store.region", "\"garage\""),
            ("store.pathStyle", "true"),
            ("store.allowHttp", "true"),
        ],
    },
    Sample {
        name: "s3-aws",
        about: &["The bytes in Amazon S3. Give the bucket a life-cycle rule that aborts incomplete multipart uploads."],
        sets: &[
            ("store.kind", "\"s3\""),
            ("store.bucket", "\"my-office-cartulary\""),
            ("store.region", "\"eu-central-1\""),
            ("store.pathStyle", "false"),
        ],
    },
    Sample {
        name: "cluster",
        about: &[
            "Several machines behind a balancer: rows in PostgreSQL, bytes in an S3-compatible store, and on each machine its",
            "own copy of the index. Every machine runs `cartulary serve` with this file and a data folder of its own.",
            "The address of the database, with its password, comes from CARTULARY_DATABASE_POSTGRES_URL or the file below.",
        ],
        sets: &[
            ("server.listen", "\"0.0.0.0:8480\""),
            ("server.trustedProxies", "[\"10.0.0.2\"]"),
            ("database.backend", "\"postgres\""),
            ("database.postgres.urlFile", "\"/etc/cartulary/database-url\""),
            ("store.kind", "\"s3\""),
            ("store.endpoint", "\"https://s3.office.example\""),
            ("store.bucket", "\"cartulary\""),
            ("store.accessKey", "\"file:/etc/cartulary/s3-access-key\""),
            ("store.secretKey", "\"file:/etc/cartulary/s3-secret-key\""),
            ("log.format", "\"json\""),
        ],
    },
];

/// Returns the sample of that name as a file, or `None` when there is no such sample.
pub fn sample(name: &str) -> Option<String> {
    let sample = SAMPLES.iter().find(|sample| sample.name == name)?;
    Some(render(sample))
}

fn render(sample: &Sample) -> String {
    let mut text = String::new();
    for line in sample.about {
        comment(&mut text, line);
    }
    comment(&mut text, "");
    comment(
        &mut text,
        "Lies in the data folder as config/cartulary.toml, or is named with --config. Later wins: this file, then the",
    );
    comment(
        &mut text,
        "environment (CARTULARY_SERVER_LISTEN is server.listen), then flags. A line that begins with # shows the default.",
    );
    comment(&mut text, &format!("Made by `cartulary config sample {}`.", sample.name));
    let kind = sample.value_of("store", "kind").unwrap_or("\"folder\"").trim_matches('"');
    for area in areas() {
        if area.variant.is_none_or(|(_, value)| value == kind) {
            render_area(&mut text, sample, &area);
        }
    }
    text
}

impl Sample {
    fn value_of(&self, area: &str, key: &str) -> Option<&'static str> {
        let is_it = |path: &str| path.strip_prefix(area).and_then(|rest| rest.strip_prefix('.')) == Some(key);
        self.sets.iter().find(|(path, _)| is_it(path)).map(|(_, value)| *value)
    }
}

fn render_area(text: &mut String, sample: &Sample, area: &Area) {
    text.push('\n');
    comment(text, area.about);
    let _ = writeln!(text, "[{}]", area.path);
    if let Some((key, value)) = area.variant {
        let _ = writeln!(text, "{key} = \"{value}\"");
    }
    for entry in &area.settings {
        for line in &entry.doc {
            comment(text, line);
        }
        match (sample.value_of(area.path, &entry.key), &entry.default) {
            (Some(value), _) => drop(writeln!(text, "{} = {value}", entry.key)),
            (None, Some(default)) => drop(writeln!(text, "# {} = {}", entry.key, in_toml(default))),
            (None, None) => drop(writeln!(text, "# {} =", entry.key)),
        }
    }
}

/// Writes a value; `toml` writes strings and lists just as a person would.
fn in_toml(value: &toml::Value) -> String {
    value.to_string()
}

fn comment(text: &mut String, line: &str) {
    let _ = if line.is_empty() { writeln!(text, "#") } else { writeln!(text, "# {line}") };
}
