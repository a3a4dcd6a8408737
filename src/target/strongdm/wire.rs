//! The messages of strongDM's API (package `v1`) that are used here, by hand.
//!
//! Field numbers are those of the descriptors in the vendor's Python SDK 18.4.0. prost encodes fields in order of number
//! and leaves out what is empty, which is the form that the signature is made over.

use prost::{DecodeError, Message};
use prost_types::{Any, Timestamp};

#[derive(Clone, PartialEq, Message)]
pub struct ListRequestMetadata {
    #[prost(string, tag = "1")]
    pub cursor: String,
    #[prost(int32, tag = "3")]
    pub limit: i32,
}

#[derive(Clone, PartialEq, Message)]
pub struct ListRequest {
    #[prost(message, optional, tag = "1")]
    pub meta: Option<ListRequestMetadata>,
    #[prost(string, tag = "2")]
    pub filter: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct ListResponseMetadata {
    #[prost(string, tag = "1")]
    pub next_cursor: String,
}

/// A page of a list: each service has its own, with the same numbers.
pub trait Page: Message + Default + 'static {
    type Item;
    fn into_parts(self) -> (Vec<Self::Item>, Option<ListResponseMetadata>);
}

macro_rules! page {
    ($page:ident, $item:ident) => {
        #[derive(Clone, PartialEq, Message)]
        pub struct $page {
            #[prost(message, optional, tag = "1")]
            pub meta: Option<ListResponseMetadata>,
            #[prost(message, repeated, tag = "2")]
            pub items: Vec<$item>,
        }

        impl Page for $page {
            type Item = $item;
            fn into_parts(self) -> (Vec<$item>, Option<ListResponseMetadata>) {
                (self.items, self.meta)
            }
        }
    };
}

page!(AccountPage, Account);
page!(RolePage, Role);
page!(AccountGrantPage, AccountGrant);
page!(AccountAttachmentPage, AccountAttachment);

/// A page of resources, each as the bytes that it came in: see [`Resource::decode`].
#[derive(Clone, PartialEq, Message)]
pub struct ResourcePage {
    #[prost(message, optional, tag = "1")]
    pub meta: Option<ListResponseMetadata>,
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub items: Vec<Vec<u8>>,
}

impl Page for ResourcePage {
    type Item = Vec<u8>;
    fn into_parts(self) -> (Vec<Vec<u8>>, Option<ListResponseMetadata>) {
        (self.items, self.meta)
    }
}

/// An account; services and tokens, which have no e-mail, read as one without a user.
#[derive(Clone, PartialEq, Message)]
pub struct Account {
    #[prost(message, optional, tag = "1")]
    pub user: Option<User>,
}

#[derive(Clone, PartialEq, Message)]
pub struct User {
    #[prost(string, tag = "1")]
    pub id: String,
    #[prost(string, tag = "2")]
    pub email: String,
    /// The older of two fields; the vendor's SDKs show only the other.
    #[prost(bool, tag = "5")]
    pub suspended: bool,
    #[prost(bool, tag = "10")]
    pub suspended_ro: bool,
}

#[derive(Clone, PartialEq, Message)]
pub struct Role {
    #[prost(string, tag = "1")]
    pub id: String,
    #[prost(string, tag = "2")]
    pub name: String,
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
    /// Not empty where an access workflow made it.
    #[prost(string, tag = "7")]
    pub access_request_id: String,
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

/// `AccountGrantCreateRequest` and its response, whose fields that matter have the same number.
#[derive(Clone, PartialEq, Message)]
pub struct AccountGrantCreate {
    #[prost(message, optional, tag = "2")]
    pub account_grant: Option<AccountGrant>,
}

/// `AccountAttachmentCreateRequest` and its response.
#[derive(Clone, PartialEq, Message)]
pub struct AccountAttachmentCreate {
    #[prost(message, optional, tag = "2")]
    pub account_attachment: Option<AccountAttachment>,
}

#[derive(Clone, PartialEq, Message)]
pub struct DeleteRequest {
    #[prost(string, tag = "2")]
    pub id: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct DeleteResponse {}

/// `google.rpc.Status`, which gRPC carries in `grpc-status-details-bin`.
#[derive(Clone, PartialEq, Message)]
pub struct Status {
    #[prost(message, repeated, tag = "3")]
    pub details: Vec<Any>,
}

#[derive(Clone, PartialEq, Message)]
pub struct RateLimitMetadata {
    #[prost(message, optional, tag = "3")]
    pub reset_at: Option<Timestamp>,
}

#[derive(Clone, PartialEq, Message)]
pub struct RequirementsMetadata {
    #[prost(message, repeated, tag = "1")]
    pub requirements: Vec<Requirement>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Requirement {
    #[prost(string, tag = "1")]
    pub kind: String,
}

impl Status {
    /// The detail of this type, the first of several.
    pub fn detail<M: Message + Default>(details: &[u8], name: &str) -> Option<M> {
        let status = Self::decode(details).ok()?;
        let any = status.details.iter().find(|any| any.type_url.rsplit('/').next() == Some(name))?;
        M::decode(any.value.as_slice()).ok()
    }
}

/// The fields that every type of resource has under the same numbers.
#[derive(Clone, PartialEq, Message)]
struct ResourceCommon {
    #[prost(string, tag = "32768")]
    id: String,
    #[prost(string, tag = "32769")]
    name: String,
    #[prost(message, optional, tag = "32771")]
    tags: Option<Tags>,
}

#[derive(Clone, PartialEq, Message)]
struct Tags {
    #[prost(message, repeated, tag = "1")]
    pairs: Vec<Tag>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Tag {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub value: String,
}

/// A resource of whatever type.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    /// Its number in the oneof of all types; see [`super::types::name`].
    pub kind: u32,
    pub id: String,
    pub name: String,
    pub tags: Vec<Tag>,
}

impl Resource {
    /// Reads a `v1.Resource`, which is a oneof of more than a hundred messages and nothing else.
    ///
    /// They differ in much, but all keep id, name and tags under the same numbers, so types that did not exist when this
    /// was written can be read as well: the vendor's SDKs fail on those. An empty id or name is the sign that a type
    /// broke with that habit, and an error. The bytes hold the whole record, so no error repeats them.
    pub fn decode(mut bytes: &[u8]) -> Result<Self, Unreadable> {
        use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
        let mut found: Option<(u32, &[u8])> = None;
        let broken = |_: DecodeError| Unreadable { kind: None };
        while !bytes.is_empty() {
            let (tag, wire) = decode_key(&mut bytes).map_err(broken)?;
            if wire != WireType::LengthDelimited {
                skip_field(wire, tag, &mut bytes, DecodeContext::default()).map_err(broken)?;
                continue;
            }
            let length = decode_varint(&mut bytes).map_err(broken)?;
            let length = usize::try_from(length).ok().filter(|length| *length <= bytes.len());
            let (body, rest) = bytes.split_at(length.ok_or(Unreadable { kind: Some(tag) })?);
            // Of the members of a oneof the last one counts.
            found = Some((tag, body));
            bytes = rest;
        }
        let (kind, body) = found.ok_or(Unreadable { kind: None })?;
        let unreadable = Unreadable { kind: Some(kind) };
        let Ok(ResourceCommon { id, name, tags }) = ResourceCommon::decode(body) else { return Err(unreadable) };
        if id.is_empty() || name.is_empty() {
            return Err(unreadable);
        }
        Ok(Self { kind, id, name, tags: tags.unwrap_or_default().pairs })
    }
}

/// A resource that could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreadable {
    /// The number of its type, where as much as that could be read.
    pub kind: Option<u32>,
}

#[cfg(test)]
mod tests {
    use prost::encoding::{WireType, encode_key, encode_varint};

    use super::*;

    /// A record with noise of every wire type around the common fields, as real resources have it.
    fn record(id: &str, name: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode_key(1, WireType::LengthDelimited, &mut bytes);
        encode_varint(4, &mut bytes);
        bytes.extend_from_slice(b"host");
        encode_key(2, WireType::Varint, &mut bytes);
        encode_varint(5432, &mut bytes);
        encode_key(3, WireType::SixtyFourBit, &mut bytes);
        bytes.extend_from_slice(&[0xff; 8]);
        encode_key(4, WireType::ThirtyTwoBit, &mut bytes);
        bytes.extend_from_slice(&[0xff; 4]);
        let pairs = vec![Tag { name: "env".into(), value: "prod".into() }];
        let common = ResourceCommon { id: id.into(), name: name.into(), tags: Some(Tags { pairs }) };
        bytes.extend(common.encode_to_vec());
        encode_key(40_000, WireType::LengthDelimited, &mut bytes);
        encode_varint(3, &mut bytes);
        bytes.extend_from_slice(&[0xff; 3]);
        bytes
    }

    fn element(kind: u32, record: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode_key(kind, WireType::LengthDelimited, &mut bytes);
        encode_varint(record.len() as u64, &mut bytes);
        bytes.extend_from_slice(record);
        bytes
    }

    #[test]
    fn reads_known_and_unknown_types_of_resource_alike() {
        for kind in [5, 1300, 1901, 9999] {
            let resource = Resource::decode(&element(kind, &record("rs-1", "prod-db"))).unwrap();
            assert_eq!((resource.kind, resource.id.as_str(), resource.name.as_str()), (kind, "rs-1", "prod-db"));
            assert_eq!(resource.tags, [Tag { name: "env".into(), value: "prod".into() }]);
        }
    }

    #[test]
    fn the_last_member_of_the_oneof_counts_and_other_fields_are_skipped() {
        let mut bytes = element(1300, &record("rs-1", "first"));
        encode_key(7, WireType::Varint, &mut bytes);
        encode_varint(1, &mut bytes);
        bytes.extend(element(1400, &record("rs-2", "second")));
        let resource = Resource::decode(&bytes).unwrap();
        assert_eq!((resource.kind, resource.id.as_str()), (1400, "rs-2"));
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        let known = Err(Unreadable { kind: Some(1300) });
        assert_eq!(Resource::decode(&element(1300, &record("", "prod-db"))), known);
        assert_eq!(Resource::decode(&element(1300, &record("rs-1", ""))), known);
        assert_eq!(Resource::decode(&element(1300, &[0xff])), known);
        let whole = element(1300, &record("rs-1", "prod-db"));
        assert_eq!(Resource::decode(&whole[..whole.len() - 1]), known);
        assert_eq!(Resource::decode(b""), Err(Unreadable { kind: None }));
    }

    #[test]
    fn encodes_as_the_vendors_sdk_does() {
        let at = |seconds| Some(Timestamp { seconds, nanos: 0 });
        let grant = AccountGrant {
            resource_id: "rs-4567".into(),
            account_id: "a-0123".into(),
            start_from: at(1_772_409_600),
            valid_until: at(1_772_438_400),
            ..AccountGrant::default()
        };
        let create = AccountGrantCreate { account_grant: Some(grant) };
        let sdk =
            b"\x12\x21\x12\x07rs-4567\x1a\x06a-0123\x22\x06\x08\x80\xa6\x93\xcd\x06\x2a\x06\x08\x80\x87\x95\xcd\x06";
        assert_eq!(create.encode_to_vec(), sdk);
        assert_eq!(DeleteRequest { id: "ag-89ab".into() }.encode_to_vec(), b"\x12\x07ag-89ab");
        let meta = Some(ListRequestMetadata::default());
        assert_eq!(ListRequest { meta, filter: "id:1".into() }.encode_to_vec(), b"\x0a\x00\x12\x04id:1");
    }

    #[test]
    fn finds_a_detail_by_its_type_among_others() {
        let limit = RateLimitMetadata { reset_at: Some(Timestamp { seconds: 60, nanos: 0 }) };
        let any = |name: &str, value| Any { type_url: format!("type.googleapis.com/{name}"), value };
        let details = vec![any("v1.RateLimitError", vec![]), any("v1.RateLimitMetadata", limit.encode_to_vec())];
        let bytes = Status { details }.encode_to_vec();
        assert_eq!(Status::detail(&bytes, "v1.RateLimitMetadata"), Some(limit));
        assert_eq!(Status::detail::<RateLimitMetadata>(&bytes, "v1.Other"), None);
        assert_eq!(Status::detail::<RateLimitMetadata>(b"\xff", "v1.RateLimitMetadata"), None);
    }
}
