//! The messages of strongDM's API (package `v1`) and its signature, written down from the vendor's SDK.
//!
//! Requests hold only the fields that a client has a reason to send: whatever else comes is lost in decoding, and so is
//! noticed when the message is encoded again.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint};
use prost_types::Timestamp;
use sha2::{Digest as _, Sha256};

#[derive(Clone, PartialEq, Message)]
pub struct Empty {}

#[derive(Clone, PartialEq, Message)]
pub struct ListMeta {
    #[prost(string, tag = "1")]
    pub cursor: String,
    #[prost(int32, tag = "3")]
    pub limit: i32,
}

#[derive(Clone, PartialEq, Message)]
pub struct ListRequest {
    #[prost(message, optional, tag = "1")]
    pub meta: Option<ListMeta>,
    #[prost(string, tag = "2")]
    pub filter: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct ListResponseMeta {
    #[prost(string, tag = "1")]
    pub next_cursor: String,
    #[prost(int32, tag = "2")]
    pub total: i32,
}

/// Any list response: the items are messages, and messages are bytes on the wire.
#[derive(Clone, PartialEq, Message)]
pub struct ListResponse {
    #[prost(message, optional, tag = "1")]
    pub meta: Option<ListResponseMeta>,
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub items: Vec<Vec<u8>>,
    #[prost(message, optional, tag = "3")]
    pub rate_limit: Option<RateLimit>,
}

/// Get and Delete.
#[derive(Clone, PartialEq, Message)]
pub struct ById {
    #[prost(message, optional, tag = "1")]
    pub meta: Option<Empty>,
    #[prost(string, tag = "2")]
    pub id: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct DeleteResponse {
    #[prost(message, optional, tag = "1")]
    pub meta: Option<Empty>,
    #[prost(message, optional, tag = "2")]
    pub rate_limit: Option<RateLimit>,
}

/// The answer to Create and Get.
#[derive(Clone, PartialEq, Message)]
pub struct ItemResponse {
    #[prost(message, optional, tag = "1")]
    pub meta: Option<Empty>,
    #[prost(bytes = "vec", tag = "2")]
    pub item: Vec<u8>,
    #[prost(message, optional, tag = "3")]
    pub rate_limit: Option<RateLimit>,
}

#[derive(Clone, PartialEq, Message)]
pub struct GrantCreate {
    #[prost(message, optional, tag = "1")]
    pub meta: Option<Empty>,
    #[prost(message, optional, tag = "2")]
    pub grant: Option<AccountGrant>,
}

#[derive(Clone, PartialEq, Message)]
pub struct AccountGrant {
    #[prost(string, tag = "1")]
    pub id: String,
    #[prost(string, tag = "2")]
    pub resource_id: String,
    #[prost(string, tag = "3")]
    pub account_id: String,
    #[prost(message, optional, tag = "4")]
    pub start_from: Option<Timestamp>,
    #[prost(message, optional, tag = "5")]
    pub valid_until: Option<Timestamp>,
    #[prost(string, tag = "6")]
    pub access_rule: String,
    #[prost(string, tag = "7")]
    pub access_request_id: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct AttachmentCreate {
    #[prost(message, optional, tag = "1")]
    pub meta: Option<Empty>,
    #[prost(message, optional, tag = "2")]
    pub attachment: Option<AccountAttachment>,
}

#[derive(Clone, PartialEq, Message)]
pub struct AccountAttachment {
    #[prost(string, tag = "1")]
    pub id: String,
    #[prost(string, tag = "2")]
    pub account_id: String,
    #[prost(string, tag = "3")]
    pub role_id: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct Tags {
    #[prost(message, repeated, tag = "1")]
    pub pairs: Vec<Pair>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Pair {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub value: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct Account {
    #[prost(oneof = "Kind", tags = "1, 2, 3")]
    pub kind: Option<Kind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Kind {
    #[prost(message, tag = "1")]
    User(User),
    #[prost(message, tag = "2")]
    Service(Machine),
    #[prost(message, tag = "3")]
    Token(Machine),
}

#[derive(Clone, PartialEq, Message)]
pub struct User {
    #[prost(string, tag = "1")]
    pub id: String,
    #[prost(string, tag = "2")]
    pub email: String,
    #[prost(string, tag = "3")]
    pub first_name: String,
    #[prost(string, tag = "4")]
    pub last_name: String,
    #[prost(bool, tag = "5")]
    pub suspended: bool,
    #[prost(message, optional, tag = "6")]
    pub tags: Option<Tags>,
    #[prost(bool, tag = "10")]
    pub suspended_read_only: bool,
    #[prost(string, tag = "11")]
    pub permission_level: String,
    #[prost(string, tag = "13")]
    pub scim: String,
    #[prost(message, optional, tag = "16")]
    pub created_at: Option<Timestamp>,
}

/// A service account or a token, as far as the two agree.
#[derive(Clone, PartialEq, Message)]
pub struct Machine {
    #[prost(string, tag = "1")]
    pub id: String,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(bool, tag = "3")]
    pub suspended: bool,
}

#[derive(Clone, PartialEq, Message)]
pub struct Role {
    #[prost(string, tag = "1")]
    pub id: String,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(message, optional, tag = "4")]
    pub tags: Option<Tags>,
    #[prost(string, tag = "5")]
    pub access_rules: String,
}

/// What every type of resource has at the same numbers, and one field of an unlike meaning in each.
#[derive(Clone, PartialEq, Message)]
pub struct ResourceBody {
    #[prost(string, tag = "1")]
    pub hostname: String,
    #[prost(int32, tag = "2")]
    pub port: i32,
    #[prost(bool, tag = "3")]
    pub flag: bool,
    #[prost(string, tag = "32768")]
    pub id: String,
    #[prost(string, tag = "32769")]
    pub name: String,
    #[prost(bool, tag = "32770")]
    pub healthy: bool,
    #[prost(message, optional, tag = "32771")]
    pub tags: Option<Tags>,
    #[prost(string, tag = "32772")]
    pub secret_store_id: String,
    #[prost(string, tag = "32775")]
    pub subdomain: String,
}

/// A resource as an element of a list: the body inside the member of the oneof that stands for its type.
pub fn resource(kind: u32, body: &ResourceBody) -> Vec<u8> {
    let body = body.encode_to_vec();
    let mut element = Vec::new();
    encode_key(kind, WireType::LengthDelimited, &mut element);
    encode_varint(body.len() as u64, &mut element);
    element.extend(body);
    element
}

#[derive(Clone, PartialEq, Message)]
pub struct RateLimit {
    #[prost(int64, tag = "1")]
    pub limit: i64,
    #[prost(int64, tag = "2")]
    pub remaining: i64,
    #[prost(message, optional, tag = "3")]
    pub reset_at: Option<Timestamp>,
    #[prost(string, tag = "4")]
    pub bucket: String,
}

/// `AlreadyExistsError` and `NotFoundError`.
#[derive(Clone, PartialEq, Message)]
pub struct EntityError {
    #[prost(string, tag = "1")]
    pub entity: String,
}

/// `google.rpc.Status`, the content of `grpc-status-details-bin`.
#[derive(Clone, PartialEq, Message)]
pub struct RpcStatus {
    #[prost(int32, tag = "1")]
    pub code: i32,
    #[prost(string, tag = "2")]
    pub message: String,
    #[prost(message, repeated, tag = "3")]
    pub details: Vec<prost_types::Any>,
}

/// An error's details, as the trailer holds them.
pub fn details(code: i32, message: &str, name: &str, detail: &impl Message) -> Vec<u8> {
    let any = prost_types::Any { type_url: format!("type.googleapis.com/v1.{name}"), value: detail.encode_to_vec() };
    RpcStatus { code, message: message.to_owned(), details: vec![any] }.encode_to_vec()
}

pub fn timestamp(at: DateTime<Utc>) -> Timestamp {
    Timestamp { seconds: at.timestamp(), nanos: at.timestamp_subsec_nanos() as i32 }
}

/// The instant, or `None` where it is absent or the epoch, which means absent as well.
pub fn instant(at: Option<Timestamp>) -> Option<DateTime<Utc>> {
    let at = at.filter(|at| (at.seconds, at.nanos) != (0, 0))?;
    DateTime::from_timestamp(at.seconds, at.nanos as u32)
}

/// The signature of one request on one UTC day (`YYYY-MM-DD`); `name` is `Service.Method`, `secret` is base64.
pub fn sign(secret: &str, date: &str, name: &str, payload: &[u8]) -> String {
    let secret = BASE64_STANDARD.decode(secret).expect("the fake's own secret is base64");
    let key = mac(&mac(&secret, date.as_bytes()), b"sdm_api_v1");
    let digest = Sha256::new().chain_update(name).chain_update("\n").chain_update(payload).finalize();
    BASE64_STANDARD.encode(mac(&key, &digest))
}

fn mac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::sign;

    /// Made with the signing code of the vendor's Python SDK 18.4.0, its clock stopped.
    const VECTORS: [(&str, &str, &str); 8] = [
        (
            "Accounts.List",
            "0a001217656d61696c3a616c696365406578616d706c652e636f6d",
            "m03y831FnimucnzPlkFADyY7NIiEIc/UwbVN2HoJKzw=",
        ),
        (
            "Accounts.List",
            "0a070a0361626318021219656d61696c3a22616c696365406578616d706c652e636f6d22",
            "oAVHtkEnU9NUNRfGle7D8r+5E/NEDo4Nhp+8eiOj6pM=",
        ),
        (
            "Resources.List",
            "0a00121a6e616d653a2250726f64205c2244425c22205c75303065392a22",
            "MrK2ZtnKYHgFMalfoE489xuzBRogFgfN7YKuPEVhJfM=",
        ),
        (
            "AccountGrants.Create",
            "1225120772732d343536371a06612d3031323322060880a693cd062a0608808795cd0632027b7d",
            "IOyncWs25ynVvvGc6M+PiIMW01swlTwgfxhqujQ0Wh4=",
        ),
        (
            "AccountGrants.Create",
            "1221120772732d343536371a06612d3031323322060880a693cd062a0608808795cd06",
            "xfkp1w2K36xPAs9Apavz3ChIwz/V1pPAfc3Bb8LDJOw=",
        ),
        (
            "AccountGrants.Create",
            "1219120772732d343536371a06612d3031323322002a0032027b7d",
            "mFTca//jPCEaVVLkybd5pYaSTcyvOs7Wk1YI3vDZ2rI=",
        ),
        ("AccountGrants.Delete", "120761672d38396162", "7b9ZjRAmIG1ijkyTxTFvA4+TPW43b3A1sbpxVMQ8AfA="),
        ("AccountGrants.Get", "120761672d38396162", "sm0RwKmbuWnaVpdyZwuODwAoFlmP3kHY2zIgDI3yMX4="),
    ];

    #[test]
    fn signs_as_the_vendors_sdk() {
        for (name, payload, signature) in VECTORS {
            let payload: Vec<u8> = (0..payload.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&payload[at..at + 2], 16).expect("hex"))
                .collect();
            let secret = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
            assert_eq!(sign(secret, "2026-03-01", name, &payload), signature, "{name}");
        }
    }
}
