//! The conventions that proto/ promises, checked on the descriptors.
#![expect(clippy::unwrap_used, reason = "a test: there a panic is the report")]

use std::fs;
use std::path::Path;

use prost_types::field_descriptor_proto::Type;
use prost_types::method_options::IdempotencyLevel;
use prost_types::source_code_info::Location;
use prost_types::{DescriptorProto, FileDescriptorProto};

// Field numbers within descriptor.proto, of which a location's path is made.
const MESSAGE: i32 = 4;
const ENUM: i32 = 5;
const SERVICE: i32 = 6;
const MEMBER: i32 = 2;

fn files() -> Vec<FileDescriptorProto> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../proto");
    let entries = fs::read_dir(root.join("linnet/v1")).unwrap();
    let files = entries.map(|entry| entry.unwrap().path());
    let mut compiler = protox::Compiler::new([&root]).unwrap();
    compiler.include_source_info(true).open_files(files).unwrap();
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
    for list in lists.filter(|method| method.name().starts_with("List")) {
        let request = fields(&format!("{}Request", list.name()));
        let response = fields(&format!("{}Response", list.name()));
        let is_paged = ["page_size", "page_token"].iter().all(|key| request.iter().any(|field| field == key));
        assert!(is_paged, "{}", list.name());
        assert_eq!(response.get(1).map(String::as_str), Some("next_page_token"), "{}", list.name());
    }
}

#[test]
fn what_only_reads_is_called_so() {
    let methods: Vec<_> = files().into_iter().flat_map(|file| file.service).flat_map(|s| s.method).collect();
    assert!(!methods.is_empty());
    for method in methods {
        let verbs = ["Explain", "Get", "List", "Summarize", "Watch"];
        let reads = method.options.as_ref().map(|options| options.idempotency_level())
            == Some(IdempotencyLevel::NoSideEffects);
        assert_eq!(reads, verbs.iter().any(|verb| method.name().starts_with(verb)), "{}", method.name());
    }
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
