//! The command line: its grammar. What each command does stands in the file of its name.

#![allow(rustdoc::bare_urls, reason = "what documents an argument is the help that people read in a terminal")]

pub mod audit;
pub mod backup;
pub mod bags;
pub mod config;
pub mod doctor;
pub mod import;
pub mod keys;
pub mod maintenance;
pub mod restore;
pub mod serve;
pub mod tls;
pub mod user;
pub mod verify;

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::configuration::SAMPLES;

const VERSION: &str = if cfg!(feature = "postgres") {
    concat!(env!("CARGO_PKG_VERSION"), " (SQLite, PostgreSQL)")
} else {
    concat!(env!("CARGO_PKG_VERSION"), " (SQLite)")
};

/// Cartulary keeps the papers of an office: versioned dossiers, searchable, nothing lost.
#[derive(Debug, Parser)]
#[command(
    name = "cartulary",
    bin_name = "cartulary",
    version = VERSION,
    propagate_version = false,
    arg_required_else_help = true,
    subcommand_required = true,
    disable_help_subcommand = true,
    after_help = "\
Examples:
  cartulary serve --data /srv/office
  cartulary import ~/scans
  cartulary verify

Settings come from DIR/config/cartulary.toml, then CARTULARY_*, then flags;
later wins (CARTULARY_SERVER_LISTEN is server.listen). All of them:
cartulary config sample embedded"
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Opens the office: answers on its address until it is stopped
    Serve(Serve),
    /// Takes a folder of papers in: each sub-folder a dossier, each file a document
    Import(Import),
    /// Writes everything, or one dossier, with its whole history into a folder: a bag (BagIt)
    Export(Export),
    /// Brings a bag in, with its original users, instants and numbers: whole, or not at all
    ImportBag(ImportBag),
    /// Re-hashes every blob, and proves that rows, blobs, renditions and index agree
    Verify(Verify),
    /// Checks the change log: its values, its chain and its seals
    Audit(Audit),
    /// Makes the full-text index again from database and blobs
    Reindex(Maintenance),
    /// Deletes the bytes that nothing refers to any more
    Gc(Gc),
    /// Encrypts the stored papers that the newest master key has not sealed
    Seal(keys::Seal),
    /// The master keys with which papers are encrypted where they are stored
    Key(keys::Key),
    /// Sealed copies of everything, on a disk, a share or in a bucket
    Backup(Backup),
    /// Puts an office back from a backup
    Restore(Restore),
    /// Puts an office back as a trial, reports, and takes it away again
    RestoreDrill(RestoreDrill),
    /// Adds and lists people, sets passwords, shuts accounts
    User(user::User),
    /// Checks and shows the configuration, and prints samples
    Config(Config),
    /// Says what is installed here, what is missing, and what that costs
    Doctor(Doctor),
    /// The office's own certificates
    Tls(Tls),
    /// Reads one untrusted file after the other; started by the office itself
    #[command(hide = true)]
    Worker,
}

/// Where the office is.
#[derive(Debug, Clone, Args)]
pub struct Place {
    /// The folder where the office keeps everything
    #[arg(long, value_name = "DIR", env = "CARTULARY_DATA", default_value = "data", hide_env_values = true)]
    pub data: PathBuf,
    /// The configuration, instead of DIR/config/cartulary.toml
    #[arg(long, value_name = "FILE", env = "CARTULARY_CONFIG", hide_env_values = true)]
    pub config: Option<PathBuf>,
}

/// A running office to ask, instead of a data folder.
#[derive(Debug, Clone, Args)]
pub struct Remote {
    /// The address of a running office, as https://office.example; the token of CARTULARY_TOKEN signs in
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
    /// A certificate (PEM) to trust besides the system's: that of the office's own authority
    #[arg(long, value_name = "FILE", env = "CARTULARY_TRUST", hide_env_values = true)]
    pub trust: Option<PathBuf>,
}

/// What stands below the help of a command below `user`, `config` or `tls`.
macro_rules! help {
    (exits user) => {
        "  0  done\n  2  could not do it"
    };
    (exits config) => {
        "  0  right\n  1  the configuration is wrong, and why is said\n  2  wrong arguments"
    };
    (exits tls) => {
        "  0  done\n  1  could not do it\n  2  wrong arguments"
    };
    ($area:ident, $example:literal) => {
        concat!("Examples:\n  ", $example, "\n\nExit codes:\n", help!(exits $area))
    };
}
use help;

/// Arguments of `audit`.
#[derive(Debug, Args)]
#[command(
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "\
Examples:
  cartulary audit verify --data /srv/office

Exit codes:
  0  the log is whole
  1  faults were found
  2  could not check"
)]
pub struct Audit {
    /// What to do.
    #[command(subcommand)]
    pub command: AuditCommand,
}

/// What `audit` can do.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Computes every value's digest, the chain and the roots of all seals again, and compares
    #[command(after_help = "\
Examples:
  cartulary audit verify --data /srv/office
  cartulary audit verify --server https://office.example --json

Exit codes:
  0  the log is whole
  1  faults were found
  2  could not check")]
    Verify {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        remote: Remote,
        /// Writes the report as JSON
        #[arg(long)]
        json: bool,
    },
}

/// Arguments of `serve`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cartulary serve
  cartulary serve --data /srv/office
  cartulary serve --listen 0.0.0.0:8480 --tls office-authority
  CARTULARY_ADMIN_PASSWORD=… cartulary serve

The first start makes the administrator `admin`: with the password of
CARTULARY_ADMIN_PASSWORD (or of the file that CARTULARY_ADMIN_PASSWORD_FILE
names), else with a one-time password that is printed once.

Exit codes:
  0  stopped by SIGTERM or Ctrl-C
  1  could not start, or ended by a fault
  2  wrong arguments")]
pub struct Serve {
    #[command(flatten)]
    pub place: Place,
    /// Where the office answers [default: server.listen of the configuration, 127.0.0.1:8480]
    #[arg(long, value_name = "HOST:PORT")]
    pub listen: Option<String>,
    /// Where its certificate comes from [default: server.tls.mode of the configuration, off]
    #[arg(long, value_name = "MODE")]
    pub tls: Option<TlsFlag>,
    /// Fills an empty office with a small living one: dossiers, papers, versions
    #[arg(long)]
    pub demo: bool,
    /// Says as JSON where the office answers, once it does
    #[arg(long)]
    pub json: bool,
}

/// Where the server's certificate comes from, as a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TlsFlag {
    /// Plain HTTP, on loopback or behind a trusted proxy
    Off,
    /// With the certificate and key that the configuration names
    Files,
    /// With a certificate that the office issues itself
    OfficeAuthority,
}

/// Arguments of `import`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cartulary import ~/scans
  cartulary import /mnt/archive --source archive --json > report.json
  CARTULARY_TOKEN=… cartulary import ~/scans --server https://office.example

Each sub-folder becomes a dossier, each file in it or below it a document;
every file is kept unchanged, whatever it is. Files at the top go into a
dossier of the folder's name. A second run takes what is new: a file that
changed becomes a new version. Ctrl-C stops after the files under way; run
it again to go on.

Without --server it opens the data folder itself, so no office may run on it;
texts are then read when the office starts. With --server an office that stops
answering under way is waited for, and the import goes on by itself when it is
back. One that does not answer at all at the start is not: the address may be
wrong.

Exit codes:
  0    everything taken
  1    some files could not be taken whole; each is named
  2    could not import
  130  stopped by Ctrl-C")]
pub struct Import {
    /// The folder to take in
    #[arg(value_name = "FOLDER")]
    pub folder: PathBuf,
    #[command(flatten)]
    pub place: Place,
    #[command(flatten)]
    pub remote: Remote,
    /// The name under which the office remembers what it took from here [default: its full path]
    #[arg(long, value_name = "NAME")]
    pub source: Option<String>,
    /// How many files are under way at the same time
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub parallel: u16,
    /// With --server: how long to try again, in seconds, when an office that answered at first does not any more
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pub patience: u64,
    /// Writes the report as JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `export`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cartulary export /mnt/archive/office
  cartulary export ~/one-dossier --path /2024-001

The bag has each object as JSON with all its versions, and each content once,
called by its SHA-256; any tool for BagIt (RFC 8493) can check it. It opens the
data folder itself, so no office may run on it; a running one makes bags by
POST /api/v1/exports.

Exit codes:
  0  done
  2  could not do it")]
pub struct Export {
    /// The folder to write into; it is made, or is empty
    #[arg(value_name = "FOLDER")]
    pub folder: PathBuf,
    /// Only what lies there, as /2024-001 [default: everything]
    #[arg(long, value_name = "PATH")]
    pub path: Option<String>,
    #[command(flatten)]
    pub place: Place,
    /// Writes the report as JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `import-bag`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cartulary import-bag /mnt/archive/office
  cartulary import-bag bag.tar --into /archive --json

Everything is looked at first: when anything is wrong, each fault is named and
nothing comes in. It opens the data folder itself, so no office may run on it;
a running one takes bags by POST /api/v1/bag-imports.

Exit codes:
  0  brought in
  1  the bag has faults; each is named
  2  could not do it")]
pub struct ImportBag {
    /// The bag: a folder, or a tar of one
    #[arg(value_name = "BAG")]
    pub bag: PathBuf,
    /// The folder in which its topmost objects will lie, as /archive [default: /]
    #[arg(long, value_name = "PATH")]
    pub into: Option<String>,
    #[command(flatten)]
    pub place: Place,
    /// Writes the report as JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `verify`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cartulary verify
  cartulary verify --data /srv/office --json
  CARTULARY_TOKEN=… cartulary verify --server https://office.example

Without --server it opens the data folder itself, so no office may run on it.

Exit codes:
  0  clean
  1  faults found; each is named
  2  could not check")]
pub struct Verify {
    #[command(flatten)]
    pub place: Place,
    #[command(flatten)]
    pub remote: Remote,
    /// Leaves the bytes of the blobs unread: quick, finds what is missing but not what is damaged
    #[arg(long)]
    pub quick: bool,
    /// Leaves a wrong index as it is, instead of repairing it
    #[arg(long)]
    pub no_repair: bool,
    /// Writes the report as JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `reindex`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cartulary reindex --data /srv/office

It opens the data folder itself, so no office may run on it.

Exit codes:
  0  done
  2  could not do it")]
pub struct Maintenance {
    #[command(flatten)]
    pub place: Place,
    /// Writes the report as JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `gc`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cartulary gc --data /srv/office
  cartulary gc --data /srv/office --grace-hours 0

A running office does this by itself. This opens the data folder itself, so
no office may run on it. Deletion has two steps: what nothing refers to for
longer than the grace is condemned, and deleted when it was condemned as long.

Exit codes:
  0  done
  2  could not do it")]
pub struct Gc {
    #[command(flatten)]
    pub place: Place,
    /// The hours that unreferenced bytes are kept [default: work.garbageGraceHours of the configuration, 24]
    #[arg(long, value_name = "HOURS")]
    pub grace_hours: Option<u32>,
    /// Writes the report as JSON
    #[arg(long)]
    pub json: bool,
}

/// Where backups go.
#[derive(Debug, Clone, Args)]
#[group(id = "shelf", required = true, multiple = false)]
pub struct ShelfPlace {
    /// A folder of a removable disk or of a share
    #[arg(long = "to", value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// A file (TOML) that says where an S3-compatible bucket is: endpoint, bucket, prefix, region, accessKey, secretKey
    #[arg(long, value_name = "FILE")]
    pub s3: Option<PathBuf>,
}

/// Where backups are.
#[derive(Debug, Clone, Args)]
#[group(id = "shelf", required = true, multiple = false)]
pub struct ShelfSource {
    /// The folder that they were made in
    #[arg(long = "from", value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// A file (TOML) that says where an S3-compatible bucket is: endpoint, bucket, prefix, region, accessKey, secretKey
    #[arg(long, value_name = "FILE")]
    pub s3: Option<PathBuf>,
}

/// Arguments of `backup`.
#[derive(Debug, Args)]
#[command(
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "\
Examples:
  cartulary backup setup --to /media/disk/cartulary
  cartulary backup run
  cartulary backup list
  cartulary backup verify

Exit codes:
  0  done
  1  a backup is damaged; what is damaged is named
  2  could not do it"
)]
pub struct Backup {
    /// What to do.
    #[command(subcommand)]
    pub command: BackupCommand,
}

/// What can be done with backups.
#[derive(Debug, Subcommand)]
pub enum BackupCommand {
    /// Sets up where backups go, and prints the recovery sheet: the only thing that opens them
    #[command(after_help = "\
Examples:
  cartulary backup setup --to /media/disk/cartulary
  cartulary backup setup --s3 bucket.toml --name cloud

Nothing has to be typed again: a running office makes a backup every day from
then on, and when the disk was away, as soon as it is back.

Exit codes:
  0  done
  2  could not do it")]
    Setup {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        shelf: ShelfPlace,
        /// What it is called
        #[arg(long, value_name = "NAME", default_value = "backup")]
        name: String,
        /// How often a running office makes one by itself; 0: never
        #[arg(long, value_name = "HOURS", default_value_t = 24)]
        every_hours: u32,
        /// How many backups are kept
        #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
        keep: u32,
        /// How many bytes a second it may write; 0: as fast as it goes
        #[arg(long, value_name = "BYTES", default_value_t = 0)]
        bytes_per_second: u64,
        /// A file with a passphrase that opens the backups beside the recovery key
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
        /// Writes the recovery sheet into a new file, instead of printing it
        #[arg(long, value_name = "FILE")]
        sheet: Option<PathBuf>,
        /// Writes what was set up as JSON, with the recovery sheet unless it goes into a file
        #[arg(long)]
        json: bool,
    },
    /// Makes a backup now; only what is new is written
    #[command(after_help = "\
Examples:
  cartulary backup run --target backup

It opens the data folder itself. A running office makes backups by itself, and
one now at POST /api/v1/backups/NAME/runs.

Exit codes:
  0  done
  2  could not do it")]
    Run {
        #[command(flatten)]
        place: Place,
        /// Which target
        #[arg(long, value_name = "NAME", default_value = "backup")]
        target: String,
        /// Writes the report as JSON
        #[arg(long)]
        json: bool,
    },
    /// Lists where backups go, and what is there
    #[command(after_help = "\
Examples:
  cartulary backup list --json

Exit codes:
  0  done
  2  could not do it")]
    List {
        #[command(flatten)]
        place: Place,
        /// Writes the list as JSON
        #[arg(long)]
        json: bool,
    },
    /// Reads every byte that lies there, beside a running office
    #[command(after_help = "\
Examples:
  cartulary backup verify --target backup

It needs no key. What is damaged is taken away, so that the next backup lays it
down anew.

Exit codes:
  0  every byte is as it was written
  1  something is damaged
  2  could not check")]
    Verify {
        #[command(flatten)]
        place: Place,
        /// Which target
        #[arg(long, value_name = "NAME", default_value = "backup")]
        target: String,
        /// Writes the report as JSON
        #[arg(long)]
        json: bool,
    },
}

/// Which backup, and what opens it.
#[derive(Debug, Clone, Args)]
pub struct RestoreSource {
    #[command(flatten)]
    pub shelf: ShelfSource,
    /// Which backup: part of its name [default: the latest]
    #[arg(long, value_name = "NAME")]
    pub at: Option<String>,
    /// A file with the recovery key or the passphrase [default: it is asked for]
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// An empty PostgreSQL database, for an office that had one [default: that of its configuration]
    #[arg(long, value_name = "URL")]
    pub database_url: Option<String>,
}

/// Arguments of `restore`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cartulary restore --from /media/disk/cartulary --data /srv/office

The folder must not be there yet, or be empty. If it is stopped, the same
command goes on.

Exit codes:
  0  the office is back
  1  it is back, and something is missing; it is named
  2  could not put it back")]
pub struct Restore {
    #[command(flatten)]
    pub source: RestoreSource,
    /// The folder where the office shall keep everything
    #[arg(long, value_name = "DIR", env = "CARTULARY_DATA", default_value = "data", hide_env_values = true)]
    pub data: PathBuf,
    /// Writes the report as JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `restore-drill`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cartulary restore-drill --from /media/disk/cartulary

The living office is not touched, and may run.

Exit codes:
  0  the backup is good
  1  something is missing; it is named
  2  could not try")]
pub struct RestoreDrill {
    #[command(flatten)]
    pub source: RestoreSource,
    /// The folder that has room for the whole office [default: that of the system for what may be lost]
    #[arg(long, value_name = "DIR")]
    pub into: Option<PathBuf>,
    /// Writes the report as JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `config`.
#[derive(Debug, Args)]
#[command(
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "\
Examples:
  cartulary config check --data /srv/office
  cartulary config show --config /etc/cartulary.toml
  cartulary config sample s3-garage > /srv/office/config/cartulary.toml

Exit codes:
  0  right
  1  the configuration is wrong, and why is said
  2  wrong arguments"
)]
pub struct Config {
    /// What to do.
    #[command(subcommand)]
    pub command: ConfigCommand,
}

/// What can be done with the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Reads all layers and says whether they hold together
    #[command(after_help = help!(config, "cartulary config check --data /srv/office"))]
    Check {
        #[command(flatten)]
        place: Place,
        /// Writes the result as JSON
        #[arg(long)]
        json: bool,
    },
    /// Shows what holds, and where each setting that is no default comes from; never a secret
    #[command(after_help = help!(config, "cartulary config show --config /etc/cartulary.toml"))]
    Show {
        #[command(flatten)]
        place: Place,
        /// Writes the result as JSON
        #[arg(long)]
        json: bool,
    },
    /// Prints a commented sample
    #[command(after_help = help!(config, "cartulary config sample s3-garage > /srv/office/config/cartulary.toml"))]
    Sample {
        /// Which one
        #[arg(value_parser = PossibleValuesParser::new(SAMPLES.iter().map(|sample| sample.name)))]
        name: String,
        /// Writes the result as JSON
        #[arg(long)]
        json: bool,
    },
}

/// Arguments of `doctor`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cartulary doctor
  cartulary doctor --data /srv/office --json

Exit codes:
  0  nothing is missing that an office needs
  1  something is
  2  wrong arguments")]
pub struct Doctor {
    #[command(flatten)]
    pub place: Place,
    /// Writes the findings as JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `tls`.
#[derive(Debug, Args)]
#[command(
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "\
Examples:
  cartulary tls authority --data /srv/office

Exit codes:
  0  done
  1  could not do it
  2  wrong arguments"
)]
pub struct Tls {
    /// What to do.
    #[command(subcommand)]
    pub command: TlsCommand,
}

/// What can be done with certificates.
#[derive(Debug, Subcommand)]
pub enum TlsCommand {
    /// Shows the office's authority, making it when there is none, and how PCs and phones are told to trust it
    #[command(after_help = help!(tls, "cartulary tls authority --data /srv/office --out office-authority.pem"))]
    Authority {
        #[command(flatten)]
        place: Place,
        /// Writes the authority's certificate (PEM) there, to be handed out
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Writes the result as JSON
        #[arg(long)]
        json: bool,
    },
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use clap::CommandFactory;

    fn all_help(command: &mut clap::Command, path: &str, text: &mut String) {
        let help = command.clone().term_width(100).render_help();
        let help = help.to_string();
        let trimmed: Vec<&str> = help.lines().map(str::trim_end).collect();
        text.push_str(&format!("## {path}\n\n{}\n\n", trimmed.join("\n")));
        let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
        for name in names {
            if let Some(sub) = command.find_subcommand_mut(&name).filter(|sub| !sub.is_hide_set()) {
                all_help(sub, &format!("{path} {name}"), text);
            }
        }
    }

    #[test]
    fn the_grammar_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn help_is_as_reviewed() {
        let mut command = Cli::command();
        command.build();
        let mut text = String::new();
        all_help(&mut command, "cartulary", &mut text);
        insta::assert_snapshot!("help", text.replace(VERSION, "VERSION"));
    }

    fn check_help(command: &clap::Command) {
        let name = command.get_name();
        let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(after.contains("Examples:") && after.contains("Exit codes:"), "{name}");
        assert!(after.lines().all(|line| line.chars().count() < 80), "too wide: {after}");
        let is_leaf = !command.has_subcommands();
        assert!(
            !is_leaf || command.get_arguments().any(|argument| argument.get_id() == "json"),
            "{name} has no --json"
        );
        command.get_subcommands().for_each(check_help);
    }

    #[test]
    fn every_command_that_people_use_has_examples_exit_codes_and_json() {
        Cli::command().get_subcommands().filter(|command| !command.is_hide_set()).for_each(check_help);
    }

    #[test]
    fn the_lines_that_scripts_rely_on_are_understood() {
        for line in [
            "cartulary serve --data DIR --listen 127.0.0.1:8480",
            "cartulary serve --data DIR --listen 127.0.0.1:8480 --demo",
            "cartulary serve --data DIR --json",
            "cartulary import FOLDER --json",
            "cartulary import FOLDER --server http://127.0.0.1:8480 --json",
            "cartulary verify --data DIR --json",
            "cartulary verify --server http://127.0.0.1:8480",
            "cartulary worker",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_ok(), "{line}");
        }
    }
}
