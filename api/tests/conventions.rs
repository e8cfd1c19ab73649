//! The conventions that proto/ promises, checked on the descriptors.
#![expect(clippy::unwrap_used, reason = "a test: there a panic is the report")]

use prost_types::field_descriptor_proto::Type;
use prost_types::source_code_info::Location;
use prost_types::{DescriptorProto, FileDescriptorProto};

const FILES: [&str; 12] = [
    "rib",
    "neighbors",
    "policies",
    "bfd",
    "evpn",
    "fib",
    "native",
    "configuration",
    "injection",
    "routes",
    "system",
    "monitor",
];

// Field numbers within descriptor.proto, of which a location's path is made.
const MESSAGE: i32 = 4;
const ENUM: i32 = 5;
const SERVICE: i32 = 6;
const MEMBER: i32 = 2;

fn files() -> Vec<FileDescriptorProto> {
    let names = FILES.map(|name| format!("linnet/v1/{name}.proto"));
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../proto");
    let mut compiler = protox::Compiler::new([root]).unwrap();
    compiler.include_source_info(true).open_files(names).unwrap();
    compiler.file_descriptor_set().file
}

fn messages() -> Vec<DescriptorProto> {
    files().into_iter().flat_map(|file| file.message_type).collect()
}

#[test]
fn everything_has_a_comment() {
    for file in files() {
        let info = file.source_code_info.clone().unwrap();
        for Location { path, leading_comments, .. } in &info.location {
            let declares = matches!(
                path.as_slice(),
                [MESSAGE | ENUM | SERVICE, _] | [MESSAGE | ENUM | SERVICE, _, MEMBER, _]
            );
            let comment = leading_comments.as_deref().unwrap_or_default().trim();
            assert!(!declares || comment.ends_with('.'), "{} {path:?}: {comment:?}", file.name());
        }
    }
}

#[test]
fn zero_is_unspecified() {
    for enumeration in files().into_iter().flat_map(|file| file.enum_type) {
        let zero = enumeration.value.iter().find(|value| value.number() == 0).unwrap();
        assert!(zero.name().ends_with("_UNSPECIFIED"), "{}", zero.name());
    }
}

#[test]
fn lists_are_paged() {
    let messages = messages();
    let fields = |name: &str| -> Vec<String> {
        let message = messages.iter().find(|message| message.name() == name).unwrap();
        message.field.iter().map(|field| field.name().to_owned()).collect()
    };
    let lists = files().into_iter().flat_map(|file| file.service).flat_map(|service| service.method);
    let mut count = 0;
    for list in lists.filter(|method| method.name().starts_with("List")) {
        let request = fields(&format!("{}Request", list.name()));
        let response = fields(&format!("{}Response", list.name()));
        assert!(request.ends_with(&["page_size".into(), "page_token".into()]), "{}", list.name());
        assert_eq!(response.get(1).map(String::as_str), Some("next_page_token"), "{}", list.name());
        count += 1;
    }
    assert_eq!(count, 12);
}

#[test]
fn durations_say_their_unit_and_bytes_never_travel_raw() {
    for message in messages() {
        for field in &message.field {
            let name = format!("{}.{}", message.name(), field.name());
            assert_ne!(field.r#type(), Type::Bytes, "{name} would be base64 in JSON");
            let duration =
                ["age", "uptime", "hold_time", "since"].iter().any(|d| field.name().starts_with(d));
            assert!(!duration || field.name().ends_with("_seconds"), "{name}");
        }
    }
}
