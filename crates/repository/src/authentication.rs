//! Sign-in: passwords, tokens, sessions, and what slows down those who guess.
//!
//! A password is kept as argon2id (RFC 9106), hashed in a bounded pool. A token is 32 random bytes; the database keeps
//! its SHA-256. A session ends by its clock, by signing out, or when its user's epoch turns without it (another password, a
//! lock). Other groups turn the epoch of the user and of its sessions: they go on, with the rights that are read anew.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cartulary_db::Conn;
use cartulary_model::{ChangeKind, ObjectId, Timestamp};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use crate::bootstrap::parse_id;
use crate::session::{Actor, ActorSignIn, Session};
use crate::store::principals::{self, PrincipalRow};
use crate::store::sessions::{self, NewSessionRow};
use crate::transaction::Change;
use crate::tries::{Pair, Tries};
use crate::{Repository, RepositoryError, Result, passwords};

/// How many passwords are hashed at once; each takes 19 MiB.
const HASHES_AT_ONCE: usize = 2;
/// How many wait for that at most; more are sent away.
const HASHES_WAITING_MAX: u64 = 64;
/// A hash that fits no password, so that an unknown user takes as long as a known one.
const NOBODYS_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$VE9qM2ZHVjBzYlBVZ2xWWQ$C7bQGAU1mSR5NBJ4yExyPCAqcUUcVuhVMkDKHrFqcAo";

/// How a session is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionKind {
    /// By a cookie, with a CSRF token.
    Browser,
    /// By the header `Authorization: Bearer`.
    Bearer,
}

impl SessionKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Browser => "browser",
            Self::Bearer => "bearer",
        }
    }
}

/// A request to sign in.
#[derive(Clone)]
pub struct SignIn {
    /// The login name; case does not matter.
    pub username: String,
    /// The password, as typed.
    pub password: String,
    /// How the session will be used.
    pub kind: SessionKind,
    /// Where the request comes from: wrong passwords are counted for each name and place, and audited.
    pub peer: IpAddr,
}

impl std::fmt::Debug for SignIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignIn").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// A session that was just opened.
#[derive(Debug)]
pub struct SignedIn {
    /// The secret that names the session; it is not kept and cannot be asked for again.
    pub token: String,
    /// For browsers: what unsafe requests must repeat.
    pub csrf_token: Option<String>,
    /// When the session ends unless it is used.
    pub expires_at: Timestamp,
    /// Whether the user must choose another password before anything else.
    pub must_change_password: bool,
    /// The session.
    pub session: Session,
}

/// A session that a token opened again.
#[derive(Clone, Debug)]
pub struct AuthenticatedSession {
    /// The session.
    pub session: Session,
    /// How it is used.
    pub kind: SessionKind,
    /// For browsers: what unsafe requests must repeat.
    pub csrf_token: Option<String>,
    /// When it ends unless it is used.
    pub expires_at: Timestamp,
    /// Whether the user must choose another password before anything else.
    pub must_change_password: bool,
    pub(crate) session_no: i64,
}

/// What a node keeps for sign-in.
#[derive(Debug)]
pub(crate) struct Authentication {
    hashing: Arc<Semaphore>,
    hashes_waiting: AtomicU64,
    generation: AtomicU64,
    known: Mutex<HashMap<[u8; 32], (u64, Known)>>,
    tries: Tries,
}

/// A session without the repository, which would keep itself alive.
#[derive(Clone, Debug)]
struct Known {
    actor: Arc<Actor>,
    kind: SessionKind,
    csrf_token: Option<String>,
    expires_at: Timestamp,
    must_change_password: bool,
    session_no: i64,
}

impl Default for Authentication {
    fn default() -> Self {
        Self {
            hashing: Arc::new(Semaphore::new(HASHES_AT_ONCE)),
            hashes_waiting: AtomicU64::new(0),
            generation: AtomicU64::new(0),
            known: Mutex::default(),
            tries: Tries::default(),
        }
    }
}

impl Authentication {
    /// Forgets all sessions that the node remembers, as after any change to people.
    pub(crate) fn forget(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Forgets who guessed the password that a user no longer has.
    pub(crate) fn forget_tries(&self, username: &str) {
        self.tries.forget(username);
    }

    fn recall(&self, digest: &[u8; 32], now: Timestamp) -> Option<Known> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (generation, found) = known.get(digest)?;
        let holds = *generation == self.generation.load(Ordering::Acquire) && found.expires_at > now;
        holds.then(|| found.clone())
    }

    fn remember(&self, digest: [u8; 32], generation: u64, known: Known) {
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= 10_000 {
            all.clear();
        }
        all.insert(digest, (generation, known));
    }

    /// Runs `work` on the hashing pool, or sends the caller away when too many wait.
    async fn hashing<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        if self.hashes_waiting.fetch_add(1, Ordering::AcqRel) >= HASHES_WAITING_MAX {
            self.hashes_waiting.fetch_sub(1, Ordering::AcqRel);
            return Err(RepositoryError::TooManyTries { retry_after_seconds: 2 });
        }
        let permit = Arc::clone(&self.hashing).acquire_owned().await;
        let done = match permit {
            Ok(permit) => tokio::task::spawn_blocking(move || {
                let value = work();
                drop(permit);
                value
            })
            .await
            .map_err(RepositoryError::internal),
            Err(closed) => Err(RepositoryError::internal(closed)),
        };
        self.hashes_waiting.fetch_sub(1, Ordering::AcqRel);
        done
    }

    /// Returns the argon2id hash of a password as a PHC string.
    pub(crate) async fn hash(&self, password: String) -> Result<String> {
        let hashed = self.hashing(move || {
            Argon2::default().hash_password(passwords::normal(&password).as_bytes()).map(|hash| hash.to_string())
        });
        hashed.await?.map_err(|error| RepositoryError::internal(error.to_string()))
    }

    /// Says whether a password has this hash.
    pub(crate) async fn verify(&self, password: String, hash: String) -> Result<bool> {
        self.hashing(move || {
            let Ok(parsed) = PasswordHash::new(&hash) else { return false };
            Argon2::default().verify_password(passwords::normal(&password).as_bytes(), &parsed).is_ok()
        })
        .await
    }
}

/// Returns `bytes` random bytes in base64url without padding.
pub(crate) fn random_secret(bytes: usize) -> Result<String> {
    let mut secret = vec![0_u8; bytes];
    getrandom::fill(&mut secret).map_err(|error| RepositoryError::internal(error.to_string()))?;
    Ok(URL_SAFE_NO_PAD.encode(secret))
}

fn token_digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// Returns the user as one who asks, with all groups that count.
pub(crate) fn actor_of(conn: &mut Conn, user: &PrincipalRow, everyone: i64, administrators: i64) -> Result<Actor> {
    let mut set: BTreeSet<i64> = principals::groups_of(conn, user.no)?;
    set.insert(user.no);
    set.insert(everyone);
    Ok(Actor {
        no: user.no,
        id: parse_id(&user.id)?,
        username: user.name.clone(),
        display_name: user.display_name.clone(),
        is_administrator: set.contains(&administrators),
        principals: Arc::new(set),
        sign_in: None,
    })
}

impl Repository {
    /// Opens a session for a user name and password.
    ///
    /// # Errors
    /// `WrongCredentials` whatever is wrong with them; `TooManyTries` while the name is locked for the place that the
    /// request comes from, whether there is such a user or not, or too many wait.
    pub async fn sign_in(&self, request: SignIn) -> Result<SignedIn> {
        self.counted(Pair::new(&request.username, request.peer), self.check_credentials(request)).await
    }

    /// Lets somebody try a password, unless too many of his were wrong.
    async fn counted<T>(&self, pair: Pair, attempt: impl Future<Output = Result<T>>) -> Result<T> {
        let tries = &self.inner.authentication.tries;
        let begun = tries.begin(pair, self.clock().now());
        begun.map_err(|retry_after_seconds| RepositoryError::TooManyTries { retry_after_seconds })?;
        let outcome = attempt.await;
        match &outcome {
            Ok(_) => tries.succeeded(pair),
            Err(RepositoryError::WrongCredentials) => tries.failed(pair, self.clock().now()),
            Err(_) => tries.take_back(pair),
        }
        outcome
    }

    /// Checks the password of somebody who is signed in; wrong ones count as those of a sign-in do, and lock it out too.
    ///
    /// # Errors
    /// `WrongCredentials`; `TooManyTries`.
    pub(crate) async fn check_own_password(
        &self,
        username: &str,
        peer: IpAddr,
        password: String,
        hash: String,
    ) -> Result<()> {
        let check = async {
            let is_right = self.inner.authentication.verify(password, hash).await?;
            if is_right { Ok(()) } else { Err(RepositoryError::WrongCredentials) }
        };
        self.counted(Pair::new(username, peer), check).await
    }

    async fn check_credentials(&self, request: SignIn) -> Result<SignedIn> {
        let username = request.username.clone();
        let found = self
            .database()
            .read(move |conn| -> Result<_> {
                let Some(user) = principals::by_name(conn, principals::USER, &username)? else { return Ok(None) };
                let credential = principals::credential(conn, user.no)?;
                Ok(credential.map(|credential| (user, credential)))
            })
            .await?;
        let hash = found.as_ref().map_or(NOBODYS_HASH, |(_, credential)| &credential.password_hash).to_owned();
        let fits = self.inner.authentication.verify(request.password.clone(), hash).await?;
        match found {
            Some((user, credential)) if fits && user.disabled_at.is_none() => {
                self.open_session(user, credential.must_change, &request).await
            }
            found => {
                self.note_failure(found.map(|(user, _)| user), &request).await?;
                Err(RepositoryError::WrongCredentials)
            }
        }
    }

    async fn open_session(&self, user: PrincipalRow, must_change: bool, request: &SignIn) -> Result<SignedIn> {
        let token = random_secret(32)?;
        let csrf_token = (request.kind == SessionKind::Browser).then(|| random_secret(24)).transpose()?;
        let digest = token_digest(&token);
        let id = ObjectId::generate().to_string();
        let (kind, csrf, peer) = (request.kind, csrf_token.clone(), request.peer);
        let lifetime_ms = self.session_lifetime_ms();
        let (everyone, administrators) = (self.inner.everyone_no, self.inner.administrators_no);
        let user_no = user.no;
        let opened = self
            .transact(user_no, move |tx| {
                let expires_at = tx.now.plus_millis(lifetime_ms);
                let no = sessions::insert(
                    tx.conn,
                    &NewSessionRow {
                        id: &id,
                        kind: kind.as_str(),
                        principal_no: user.no,
                        principal_epoch: user.epoch,
                        token_digest: &digest,
                        csrf_token: csrf.as_deref(),
                        created_at: tx.now.as_millis(),
                        seen_at: tx.now.as_millis(),
                        expires_at: expires_at.as_millis(),
                    },
                )?;
                let detail = Some(json!({ "peer": peer, "kind": kind.as_str() }));
                tx.record(ChangeKind::SignedIn, Change { detail, ..Change::default() })?;
                let actor = actor_of(tx.conn, &user, everyone, administrators)?;
                let sign_in = Some(ActorSignIn { no, epoch: user.epoch });
                Ok((Actor { sign_in, ..actor }, expires_at))
            })
            .await?;
        let (actor, expires_at) = opened.value;
        let session = Session { repository: self.clone(), actor: Arc::new(actor) };
        Ok(SignedIn { token, csrf_token, expires_at, must_change_password: must_change, session })
    }

    async fn note_failure(&self, user: Option<PrincipalRow>, request: &SignIn) -> Result<()> {
        let (peer, system) = (request.peer, self.inner.system.no);
        let actor_no = user.as_ref().map_or(system, |user| user.no);
        self.transact(actor_no, move |tx| {
            let detail = Some(json!({ "peer": peer, "known": user.is_some() }));
            tx.record(ChangeKind::SignInRefused, Change { detail, ..Change::default() })
        })
        .await?;
        Ok(())
    }

    fn session_lifetime_ms(&self) -> i64 {
        i64::from(self.inner.config.session_hours.max(1)) * 3_600_000
    }

    /// Returns the session that a token names.
    ///
    /// # Errors
    /// `Unauthenticated` when there is none, it ended, or its user changed since.
    pub async fn session_by_token(&self, token: &str) -> Result<AuthenticatedSession> {
        let digest = token_digest(token);
        let now = self.clock().now();
        let authentication = &self.inner.authentication;
        let recalled = if self.is_shared() { None } else { authentication.recall(&digest, now) };
        let known = match recalled {
            Some(known) => known,
            None => {
                let generation = authentication.generation.load(Ordering::Acquire);
                let (everyone, administrators) = (self.inner.everyone_no, self.inner.administrators_no);
                let read = move |conn: &mut Conn| read_session(conn, &digest, now, everyone, administrators);
                let known = self.database().read_brief(read).await?.ok_or(RepositoryError::Unauthenticated)?;
                authentication.remember(digest, generation, known.clone());
                known
            }
        };
        let known = self.prolong(digest, known, now).await?;
        Ok(AuthenticatedSession {
            session: Session { repository: self.clone(), actor: known.actor },
            kind: known.kind,
            csrf_token: known.csrf_token,
            expires_at: known.expires_at,
            must_change_password: known.must_change_password,
            session_no: known.session_no,
        })
    }

    /// A session in use lives on: past half of its time it gets the whole again.
    async fn prolong(&self, digest: [u8; 32], mut known: Known, now: Timestamp) -> Result<Known> {
        let lifetime_ms = self.session_lifetime_ms();
        let left_ms = known.expires_at.as_millis() - now.as_millis();
        if left_ms > lifetime_ms / 2 {
            return Ok(known);
        }
        known.expires_at = now.plus_millis(lifetime_ms);
        let (no, until) = (known.session_no, known.expires_at.as_millis());
        self.database().write(move |conn| sessions::prolong(conn, no, now.as_millis(), until)).await?;
        let generation = self.inner.authentication.generation.load(Ordering::Acquire);
        self.inner.authentication.remember(digest, generation, known.clone());
        Ok(known)
    }

    /// Ends the session that a token names; nothing happens when there is none.
    ///
    /// # Errors
    /// The database's.
    pub async fn sign_out(&self, token: &str) -> Result<()> {
        let digest = token_digest(token);
        let Ok(found) = self.session_by_token(token).await else { return Ok(()) };
        self.transact(found.session.actor.no, move |tx| {
            sessions::delete(tx.conn, &digest)?;
            tx.record(ChangeKind::SignedOut, Change::default())
        })
        .await?;
        self.inner.authentication.forget();
        Ok(())
    }

    /// Makes the first administrator, `admin`, when no user can sign in as one.
    ///
    /// Returns the password that was made for it, to be shown once; nothing when one was given or the user is there.
    ///
    /// # Errors
    /// `Invalid` when the given password is too short; the database's.
    pub async fn ensure_administrator(&self, password: Option<String>) -> Result<Option<String>> {
        let group = self.inner.administrators_no;
        let is_there = self
            .database()
            .read(move |conn| -> Result<bool> {
                for member in principals::members_of(conn, group)? {
                    if member.disabled_at.is_none() && principals::credential(conn, member.no)?.is_some() {
                        return Ok(true);
                    }
                }
                Ok(false)
            })
            .await?;
        if is_there {
            return Ok(None);
        }
        let generated = if password.is_none() { Some(one_time_password()?) } else { None };
        let must_change = generated.is_some();
        let chosen = password.or_else(|| generated.clone()).unwrap_or_default();
        // Whoever sets the environment can do anything else too, and scripts of tests set what is short to type.
        passwords::check_length("password", &chosen)?;
        if passwords::is_common(&chosen) {
            tracing::warn!("the first administrator has a password that is among the first to be guessed: change it");
        }
        let hash = self.inner.authentication.hash(chosen).await?;
        self.transact(self.inner.system.no, move |tx| {
            let id = ObjectId::generate().to_string();
            let now = tx.now.as_millis();
            let user = match principals::by_name(tx.conn, principals::USER, "admin")? {
                Some(row) => row.no,
                None => principals::insert(tx.conn, &id, principals::USER, "admin", "Administrator", now)?,
            };
            principals::put_credential(tx.conn, user, &hash, must_change, now)?;
            principals::add_member(tx.conn, group, user)?;
            crate::store::acl::log_change(tx.conn, None, None, now)?;
            let detail = Some(json!({ "act": "first_administrator" }));
            tx.record(ChangeKind::Principal, Change { detail, ..Change::default() })
        })
        .await?;
        self.inner.authentication.forget();
        Ok(generated)
    }
}

fn read_session(
    conn: &mut Conn,
    digest: &[u8; 32],
    now: Timestamp,
    everyone: i64,
    administrators: i64,
) -> Result<Option<Known>> {
    let Some(row) = sessions::by_token(conn, digest)? else { return Ok(None) };
    if row.expires_at <= now.as_millis() {
        return Ok(None);
    }
    let Some(user) = principals::by_no(conn, row.principal_no)? else { return Ok(None) };
    if user.disabled_at.is_some() || user.epoch != row.principal_epoch {
        return Ok(None);
    }
    let must_change = principals::credential(conn, user.no)?.is_some_and(|credential| credential.must_change);
    let kind = if row.kind == "browser" { SessionKind::Browser } else { SessionKind::Bearer };
    let sign_in = Some(ActorSignIn { no: row.no, epoch: user.epoch });
    Ok(Some(Known {
        actor: Arc::new(Actor { sign_in, ..actor_of(conn, &user, everyone, administrators)? }),
        kind,
        csrf_token: row.csrf_token,
        expires_at: Timestamp::from_millis(row.expires_at),
        must_change_password: must_change,
        session_no: row.no,
    }))
}

/// Returns a password for one use: letters and digits that are not mistaken for each other, in groups of four.
pub(crate) fn one_time_password() -> Result<String> {
    const LETTERS: &[u8; 31] = b"abcdefghjkmnpqrstuvwxyz23456789";
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| RepositoryError::internal(error.to_string()))?;
    let mut password = String::with_capacity(19);
    for (position, byte) in bytes.iter().enumerate() {
        if position > 0 && position % 4 == 0 {
            password.push('-');
        }
        let letter = LETTERS.get(usize::from(byte % 31)).copied().unwrap_or(b'a');
        password.push(char::from(letter));
    }
    Ok(password)
}
