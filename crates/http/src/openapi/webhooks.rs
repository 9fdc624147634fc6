//! What the office sends to addresses of others, as the document says it (OpenAPI 3.1 `webhooks`).

use serde_json::{Value, json};

/// Returns the requests that webhooks make, by their type.
pub(super) fn webhooks() -> Value {
    json!({
        "ping": sent(
            "ping",
            "Nothing happened: somebody tries whether it arrives (`POST /api/v1/webhooks/{id}/ping`).",
            json!({}),
        ),
        "changes": sent(
            "changes",
            "Changes of what the webhook's owner may see at that moment, in the order of the log, each at least once.",
            json!({
                "after": { "type": "integer", "format": "int64", "description": "The position after which they stand." },
                "next": {
                    "type": "integer",
                    "format": "int64",
                    "description": "The position up to which there are no others for this receiver.",
                },
                "items": {
                    "type": "array",
                    "minItems": 1,
                    "items": { "$ref": "#/components/schemas/Change" },
                    "description": "The changes, as in `GET /api/v1/changes`.",
                },
            }),
        ),
        "log_replaced": sent(
            "log_replaced",
            "The office was restored and its log is another one: what was told of positions after `after` may never have \
                happened. What follows begins after it.",
            json!({
                "previousLog": { "type": "string", "description": "The identity of the earlier log." },
                "after": { "type": "integer", "format": "int64", "description": "The last position that both logs have." },
            }),
        ),
    })
}

fn sent(kind: &str, description: &str, own: Value) -> Value {
    let mut data = json!({
        "webhook": { "type": "string", "format": "uuid", "description": "The webhook's id." },
        "log": { "type": "string", "description": "The identity of the log that positions are of." },
    });
    if let (Some(data), Value::Object(own)) = (data.as_object_mut(), own) {
        data.extend(own);
    }
    let required: Vec<&String> = data.as_object().into_iter().flat_map(|data| data.keys()).collect();
    let required = json!(required);
    let body = json!({
        "type": "object",
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": { "type": "string", "const": kind },
            "timestamp": { "type": "string", "format": "date-time", "description": "When it is sent." },
            "data": { "type": "object", "required": required, "properties": data },
        },
    });
    let header = |name: &str, description: &str| json!({ "name": name, "in": "header", "required": true, "description": description, "schema": { "type": "string" } });
    json!({ "post": {
        "operationId": format!("send_{kind}"),
        "tags": ["webhooks"],
        "summary": description,
        "parameters": [
            header("webhook-id", "The same whenever this is sent again, so that a receiver knows what it has."),
            header("webhook-timestamp", "Seconds since 1970, UTC."),
            header(
                "webhook-signature",
                "`v1,` and the HMAC-SHA-256 of `{webhook-id}.{webhook-timestamp}.{body}` under the webhook's secret, in Base64 \
                    (Standard Webhooks).",
            ),
        ],
        "requestBody": { "required": true, "content": { "application/json": { "schema": body } } },
        "responses": {
            "2XX": { "description": "It arrived." },
            "410": { "description": "No more is wanted: the webhook is paused." },
            "default": { "description": "It is sent again, with growing pauses for a day; `Retry-After` is heeded." },
        },
        "security": [],
    } })
}
