//! `/users`: the people of the office, for administrators, and one's own password.

use std::net::IpAddr;

use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::{get, patch, post, put, web};
use cartulary_model::ObjectId;
use cartulary_repository::{self as repository, NewUser};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer::{self, Answer};
use crate::guarded::{Guarded, GuardedNewcomer};
use crate::routes::jobs::{Job, accepted};
use crate::routes::object::Page;
use crate::{body, paging};

/// A user.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// The user's id.
    #[schema(value_type = String, format = "uuid")]
    id: ObjectId,
    /// The login name.
    username: String,
    /// What people read.
    display_name: String,
    /// Whether permissions do not bind the user.
    administrator: bool,
    /// Whether the user may not sign in.
    disabled: bool,
    /// Whether another password must be chosen at the next sign-in.
    must_change_password: bool,
    /// The names of the groups that contain the user directly.
    groups: Vec<String>,
    /// Changes with the user, the password included; `If-Match` takes it in quotes, as it takes the ETag.
    change_token: String,
}

impl From<repository::UserView> for User {
    fn from(user: repository::UserView) -> Self {
        Self {
            id: user.id,
            username: user.username,
            display_name: user.display_name,
            administrator: user.is_administrator,
            disabled: user.is_disabled,
            must_change_password: user.must_change_password,
            groups: user.groups,
            change_token: user.change_token.to_string(),
        }
    }
}

/// A user that was just made.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreatedUser {
    /// The user.
    #[serde(flatten)]
    user: User,
    /// The password that was made, told once: absent when one was given, and when a repeated request finds the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    one_time_password: Option<String>,
}

/// A new user.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewUserForm {
    /// The login name.
    username: String,
    /// What people read; the login name unless given.
    display_name: Option<String>,
    /// A first password, to be changed; one is made when none is given.
    password: Option<String>,
    /// Whether the user is an administrator.
    #[serde(default)]
    administrator: bool,
    /// The names of groups to be in.
    #[serde(default)]
    groups: Vec<String>,
}

/// Changes to a user; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UserChanges {
    /// What people read.
    display_name: Option<String>,
    /// Whether the user is an administrator.
    administrator: Option<bool>,
    /// Whether the user may not sign in.
    disabled: Option<bool>,
    /// A new password, to be changed at the next sign-in.
    password: Option<String>,
    /// All groups to be in.
    groups: Option<Vec<String>>,
}

/// One's own new password.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewPassword {
    /// The password as it is.
    current_password: String,
    /// The password as it shall be.
    new_password: String,
}

/// Which window of a list is asked for.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WindowQuery {
    /// How many rows are answered, 1 to 1,000; 50 unless given.
    pub limit: Option<u64>,
    /// How many rows are passed over.
    pub offset: Option<u64>,
    /// Continues a list, instead of an offset.
    pub cursor: Option<String>,
}

impl WindowQuery {
    /// Returns the window.
    ///
    /// # Errors
    /// `invalid_query`.
    pub fn window(&self) -> Result<repository::WindowRequest, crate::ApiError> {
        paging::window(self.limit, self.offset, self.cursor.as_deref())
    }

    /// Returns the window of a list that knows places.
    ///
    /// # Errors
    /// `invalid_query`.
    pub fn list(&self) -> Result<repository::ListRequest, crate::ApiError> {
        paging::list(self.limit, self.offset, self.cursor.as_deref())
    }
}

/// Lists the users by name.
#[utoipa::path(tag = "people", params(WindowQuery), responses((status = 200, description = "a window", body = Page<User>)))]
#[get("/users")]
pub async fn list_users(guarded: Guarded) -> Answer {
    let query: WindowQuery = guarded.query()?;
    let users = guarded.session().user_list(query.window()?).await?;
    answer::ok(&Page::<User>::of(users))
}

/// Makes a user.
#[utoipa::path(tag = "people", request_body = NewUserForm,
    params(("Idempotency-Key" = Option<String>, Header, description = "a repeated request finds what the first made; of a password it is only known whether one was given")),
    responses((status = 201, description = "made", body = CreatedUser)))]
#[post("/users")]
pub async fn create_user(guarded: Guarded, body: web::Payload) -> Answer {
    let idempotency_key = guarded.idempotency_key()?;
    let form: NewUserForm = body::json(guarded.request(), body).await?;
    let new = NewUser {
        username: form.username,
        display_name: form.display_name,
        password: form.password,
        administrator: form.administrator,
        groups: form.groups,
        idempotency_key,
    };
    let made = guarded.session().user_create(new).await?;
    let (user, one_time_password) = made.value;
    let (id, token) = (user.id, user.change_token);
    let body = CreatedUser { user: user.into(), one_time_password };
    let mut response = answer::created(&format!("/api/v1/users/{id}"), &made.transaction, token, &body)?;
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Returns a user.
#[utoipa::path(tag = "people", params(("id" = String, Path, description = "the user's id")),
    responses((status = 200, description = "the user", body = User)))]
#[get("/users/{id}")]
pub async fn get_user(guarded: Guarded) -> Answer {
    let user = guarded.session().user_get(guarded.id()?).await?;
    answer::object(&guarded, user.change_token, &User::from(user))
}

/// Changes a user.
#[utoipa::path(tag = "people", request_body = UserChanges,
    params(("id" = String, Path, description = "the user's id"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 200, description = "the user as it is now", body = User)))]
#[patch("/users/{id}")]
pub async fn update_user(guarded: Guarded, body: web::Payload) -> Answer {
    let id = guarded.id()?;
    let precondition = guarded.precondition()?;
    let form: UserChanges = body::json(guarded.request(), body).await?;
    let changes = repository::UserChanges {
        display_name: form.display_name,
        administrator: form.administrator,
        disabled: form.disabled,
        password: form.password,
        groups: form.groups,
    };
    let changed = guarded.session().user_update(id, precondition, changes).await?;
    answer::changed(&changed.transaction, changed.value.change_token, &User::from(changed.value))
}

/// To whom a user hands over.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HandOver {
    /// The other user's id.
    #[schema(value_type = String, format = "uuid")]
    to: ObjectId,
}

/// Shuts a user out, and has a job hand over to another what he has locked, checked out and been granted, and the collections
/// and saved searches that others see.
///
/// A lock goes only to who may write the object, and ends otherwise. A list that denies the one something stays as it is. The
/// job's `progress` counts as it goes on: `locksHandedOver`, `locksEnded`, `workingCopiesHandedOver`,
/// `workingCopiesLeft` (of documents that the other may not write), `listsHandedOver`, `listsLeft` (that deny the one something),
/// `collectionsHandedOver` and `savedSearchesHandedOver`; `left` names what stays as it is: `{"kind": "workingCopy" | "list",
/// "objectId", "reason"}`, at most 1,000.
#[utoipa::path(tag = "people", request_body = HandOver,
    params(("id" = String, Path, description = "the user's id"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 202, description = "the job", body = Job)))]
#[post("/users/{id}/hand-overs")]
pub async fn create_user_hand_over(guarded: Guarded, body: web::Payload) -> Answer {
    let (id, precondition) = (guarded.id()?, guarded.precondition()?);
    let HandOver { to } = body::json(guarded.request(), body).await?;
    accepted(guarded.session().user_hand_over(id, precondition, to).await?)
}

/// Changes one's own password; other sessions of the user end. The password as it is says which state is changed: there is no
/// `If-Match`.
#[utoipa::path(tag = "people", request_body = NewPassword, responses((status = 204, description = "changed"),
    (status = 401, description = "`wrong_credentials`"),
    (status = 429, description = "`too_many_tries`: wrong passwords count as those of signing in")))]
#[put("/users/me/password")]
pub async fn update_password(guarded: GuardedNewcomer, body: web::Payload) -> Answer {
    let guarded = guarded.0;
    let form: NewPassword = body::json(guarded.request(), body).await?;
    let session = guarded.session();
    let request = guarded.request();
    let peer = guarded.state()?.trusted_proxies().peer(request.head(), request.app_config().secure());
    let address = peer.address.unwrap_or(IpAddr::from([127, 0, 0, 1]));
    session.password_change(guarded.authenticated(), address, form.current_password, form.new_password).await?;
    Ok(actix_web::HttpResponse::NoContent().finish())
}
