//! `cartulary user`: people, their passwords and accounts.

use std::io::BufRead;
use std::process::ExitCode;

use anyhow::{Context, bail};
use cartulary_repository::{NewUser, Precondition, Session, UserChanges, UserView, WINDOW_ROWS_MAX, WindowRequest};
use clap::{Args, Subcommand};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::config::load_place;
use super::{Place, Remote, help};
use crate::boot::open_for_command;
use crate::client::{Client, query_value};
use crate::{output, telemetry};

const HINT: &str = "Ask it: --server URL, with the CARTULARY_TOKEN of an administrator";

/// Arguments of `user`.
#[derive(Debug, Args)]
#[command(
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "\
Examples:
  cartulary user add salma --name \"Salma Haddad\" --group staff
  echo \"$PASSWORD\" | cartulary user password salma --stdin
  CARTULARY_TOKEN=… cartulary user list --server https://office.example

Without --server it opens the data folder itself, so no office may run on it.

Exit codes:
  0  done
  2  could not do it"
)]
pub struct User {
    /// What to do.
    #[command(subcommand)]
    pub command: UserCommand,
}

/// What can be done with people.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Adds a person; prints a one-time password unless one is given
    #[command(after_help = help!(user, "cartulary user add salma --name \"Salma Haddad\" --group staff"))]
    Add {
        /// The name to sign in with
        username: String,
        /// The name that people read [default: the name to sign in with]
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// Makes the person an administrator
        #[arg(long)]
        administrator: bool,
        /// A group to be in; may be given several times
        #[arg(long = "group", value_name = "GROUP")]
        groups: Vec<String>,
        /// Reads the password from the first line of standard input
        #[arg(long)]
        stdin: bool,
        #[command(flatten)]
        common: UserCommon,
    },
    /// Lists people
    #[command(after_help = help!(user, "cartulary user list --json"))]
    List {
        #[command(flatten)]
        common: UserCommon,
    },
    /// Sets a new password; all sessions of the person end
    #[command(after_help = help!(user, "echo \"$PASSWORD\" | cartulary user password salma --stdin"))]
    Password {
        /// The name to sign in with
        username: String,
        /// Reads the password from the first line of standard input, instead of making a one-time password
        #[arg(long)]
        stdin: bool,
        #[command(flatten)]
        common: UserCommon,
    },
    /// Shuts an account; nothing of the person's work is touched
    #[command(after_help = help!(user, "cartulary user disable salma"))]
    Disable {
        /// The name to sign in with
        username: String,
        #[command(flatten)]
        common: UserCommon,
    },
    /// Opens an account again
    #[command(after_help = help!(user, "cartulary user enable salma"))]
    Enable {
        /// The name to sign in with
        username: String,
        #[command(flatten)]
        common: UserCommon,
    },
}

/// What all commands about people share.
#[derive(Debug, Clone, Args)]
pub struct UserCommon {
    #[command(flatten)]
    pub place: Place,
    #[command(flatten)]
    pub remote: Remote,
    /// Writes the result as JSON
    #[arg(long)]
    pub json: bool,
}

/// A person, as it is shown.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Person {
    id: String,
    username: String,
    display_name: String,
    #[serde(default)]
    administrator: bool,
    #[serde(default)]
    disabled: bool,
    #[serde(default)]
    must_change_password: bool,
    #[serde(default)]
    groups: Vec<String>,
    /// Printed once, when it was made just now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    one_time_password: Option<String>,
}

impl From<UserView> for Person {
    fn from(user: UserView) -> Self {
        Self {
            id: user.id.to_string(),
            username: user.username,
            display_name: user.display_name,
            administrator: user.is_administrator,
            disabled: user.is_disabled,
            must_change_password: user.must_change_password,
            groups: user.groups,
            one_time_password: None,
        }
    }
}

/// What is asked for.
enum Act {
    Add(NewUser),
    List,
    Change { username: String, changes: UserChanges },
}

/// Runs the command.
pub async fn run(command: &UserCommand) -> anyhow::Result<ExitCode> {
    let (common, act) = parse(command)?;
    let mut people = match Client::of(&common.remote)? {
        Some(client) => remotely(&client, act).await?,
        None => {
            let loaded = load_place(&common.place)?;
            telemetry::start_quietly(&loaded.configuration.log);
            let office = open_for_command(&loaded, HINT).await?;
            let done = locally(&office.repository.system_session(), act).await;
            office.close().await;
            done?
        }
    };
    // What was given on standard input was to stay off the screen.
    if matches!(command, UserCommand::Add { stdin: true, .. } | UserCommand::Password { stdin: true, .. }) {
        people.iter_mut().for_each(|person| person.one_time_password = None);
    }
    if common.json {
        output::say_json(&json!({ "items": people }));
    } else {
        if matches!(command, UserCommand::List { .. }) {
            // The built-in account of the office's own work can neither sign in nor be changed: it is no person.
            people.retain(|person| person.username != cartulary_repository::SYSTEM);
            output::say(&heading());
        }
        output::say(&for_people(&people));
    }
    Ok(ExitCode::SUCCESS)
}

fn parse(command: &UserCommand) -> anyhow::Result<(&UserCommon, Act)> {
    Ok(match command {
        UserCommand::Add { username, name, administrator, groups, stdin, common } => {
            let password = if *stdin { Some(password_from_stdin()?) } else { None };
            let new = NewUser {
                username: username.clone(),
                display_name: name.clone(),
                password,
                administrator: *administrator,
                groups: groups.clone(),
                idempotency_key: None,
            };
            (common, Act::Add(new))
        }
        UserCommand::List { common } => (common, Act::List),
        UserCommand::Password { username, stdin, common } => {
            let password = if *stdin { password_from_stdin()? } else { one_time_password()? };
            let changes = UserChanges { password: Some(password), ..UserChanges::default() };
            (common, Act::Change { username: username.clone(), changes })
        }
        UserCommand::Disable { username, common } => (common, shut(username, true)),
        UserCommand::Enable { username, common } => (common, shut(username, false)),
    })
}

fn shut(username: &str, disabled: bool) -> Act {
    let changes = UserChanges { disabled: Some(disabled), ..UserChanges::default() };
    Act::Change { username: username.to_owned(), changes }
}

fn password_from_stdin() -> anyhow::Result<String> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).context("cannot read the password from standard input")?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        bail!("there is no password on standard input");
    }
    Ok(password.to_owned())
}

/// Makes a password that can be read aloud: four groups without letters that look alike.
fn one_time_password() -> anyhow::Result<String> {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut random = [0_u8; 20];
    getrandom::fill(&mut random).map_err(|error| anyhow::anyhow!("the system gives no random bytes: {error}"))?;
    let letters: Vec<char> = random
        .iter()
        .filter_map(|byte| LETTERS.get(usize::from(byte % 32)).map(|letter| char::from(*letter)))
        .collect();
    let groups: Vec<String> = letters.chunks(5).map(|group| group.iter().collect()).collect();
    Ok(groups.join("-"))
}

async fn locally(session: &Session, act: Act) -> anyhow::Result<Vec<Person>> {
    match act {
        Act::Add(new) => {
            let (user, made) = session.user_create(new).await.map_err(in_words)?.value;
            Ok(vec![Person { one_time_password: made, ..user.into() }])
        }
        Act::List => Ok(everybody(session).await?.into_iter().map(Person::from).collect()),
        Act::Change { username, changes } => {
            let users = everybody(session).await?;
            let user = users.into_iter().find(|user| user.username == username);
            let user = user.with_context(|| format!("there is no user `{username}`"))?;
            let one_time_password = changes.password.clone();
            let changed = session.user_update(user.id, Precondition::Any, changes).await.map_err(in_words)?.value;
            Ok(vec![Person { one_time_password, ..changed.into() }])
        }
    }
}

async fn everybody(session: &Session) -> anyhow::Result<Vec<UserView>> {
    let (mut all, mut offset) = (Vec::new(), 0);
    loop {
        let window = session.user_list(WindowRequest { offset, limit: WINDOW_ROWS_MAX }).await?;
        all.extend(window.items);
        let Some(next) = window.next_offset else { return Ok(all) };
        offset = next;
    }
}

/// Says every rule that was broken.
fn in_words(error: cartulary_repository::RepositoryError) -> anyhow::Error {
    if let cartulary_repository::RepositoryError::Invalid { violations } = &error {
        let details: Vec<String> = violations.iter().map(|v| format!("{}: {}", v.field, v.detail)).collect();
        return anyhow::anyhow!(details.join("; "));
    }
    error.into()
}

#[derive(Deserialize)]
struct People {
    items: Vec<Person>,
    #[serde(default)]
    total: Option<u64>,
}

async fn remotely(client: &Client, act: Act) -> anyhow::Result<Vec<Person>> {
    match act {
        Act::Add(new) => {
            let body = json!({
                "username": new.username,
                "displayName": new.display_name.unwrap_or(new.username.clone()),
                "password": new.password,
                "administrator": new.administrator,
                "groups": new.groups,
            });
            Ok(vec![client.once(Method::POST, "/api/v1/users", Some(&without_nulls(body))).await?])
        }
        Act::List => everybody_there(client).await,
        Act::Change { username, changes } => {
            let everybody = everybody_there(client).await?;
            let user = everybody.into_iter().find(|user| user.username == username);
            let user = user.with_context(|| format!("there is no user `{username}`"))?;
            let body = without_nulls(json!({ "disabled": changes.disabled, "password": changes.password }));
            let request = client.request(Method::PATCH, &format!("/api/v1/users/{}", query_value(&user.id)));
            let request = request.header(reqwest::header::IF_MATCH, "*").json(&body);
            let changed: Person = client.call(request).await?;
            Ok(vec![Person { one_time_password: changes.password, ..changed }])
        }
    }
}

async fn everybody_there(client: &Client) -> anyhow::Result<Vec<Person>> {
    let mut all: Vec<Person> = Vec::new();
    loop {
        let path = format!("/api/v1/users?limit=200&offset={}", all.len());
        let window: People = client.once(Method::GET, &path, None).await?;
        let count = window.items.len();
        all.extend(window.items);
        if count == 0 || window.total.is_none_or(|total| all.len() as u64 >= total) {
            return Ok(all);
        }
    }
}

fn without_nulls(mut value: Value) -> Value {
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|_, field| !field.is_null());
    }
    value
}

fn heading() -> String {
    format!("{:<24}  {:<32}  {}\n", "USER NAME", "NAME", "GROUPS AND REMARKS")
}

fn for_people(people: &[Person]) -> String {
    let mut text = String::new();
    for person in people {
        let mut remarks = person.groups.clone();
        if person.administrator {
            remarks.push("administrator".to_owned());
        }
        if person.disabled {
            remarks.push("account shut".to_owned());
        }
        text.push_str(&format!("{:<24}  {:<32}  {}\n", person.username, person.display_name, remarks.join(", ")));
        if let Some(password) = &person.one_time_password {
            text.push_str(&format!("  password, to be changed at the first sign-in: {password}\n"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn one_time_passwords_can_be_read_aloud_and_differ() {
        let password = one_time_password().unwrap();
        assert_eq!(password.len(), 23);
        assert!(password.chars().all(|c| c == '-' || (c.is_ascii_alphanumeric() && !"lo01".contains(c))), "{password}");
        assert_ne!(password, one_time_password().unwrap());
    }
}
