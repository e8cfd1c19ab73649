//! Turns proto/ into Rust, with no protoc on the machine, and gives the messages their JSON form: what
//! proto/linnet/v1/rib.proto promises under "Conventions" is put on each field here, by its type. Beside the messages
//! go the descriptors, for reflection, and the list of all methods, with what each takes.

use std::error::Error;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use prost::Message;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::method_options::IdempotencyLevel;
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet, MethodDescriptorProto,
};

const PROTO: &str = "../proto";
const PACKAGE: &str = "linnet/v1";
const OMIT_EMPTY: &str = r#"#[serde(skip_serializing_if = "String::is_empty")]"#;
const OMIT_NONE: &str = r#"#[serde(skip_serializing_if = "Option::is_none")]"#;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={PROTO}");
    let descriptors = protox::compile(files()?, [PROTO])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    write_words(&descriptors, &out.join("words.rs"))?;
    write_methods(&descriptors, &out.join("methods.rs"))?;
    fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    let builder = tonic_prost_build::configure()
        .build_transport(false)
        .emit_rerun_if_changed(false)
        .message_attribute(".linnet.v1", "#[derive(::serde::Serialize)]")
        .type_attribute(".linnet.v1.Change.row", "#[derive(::serde::Serialize)]")
        .type_attribute(".linnet.v1.Change.row", r#"#[serde(rename_all = "snake_case")]"#)
        // With no leading dot only the oneof's own field is meant, not its variants.
        .field_attribute("Change.row", "#[serde(flatten)]");
    messages(&descriptors).fold(builder, with_json_form).compile_fds(descriptors)?;
    Ok(())
}

/// Every file of the package, in an order that does not depend on the disk's.
fn files() -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(Path::new(PROTO).join(PACKAGE))?;
    let mut files = entries
        .map(|entry| Ok(Path::new(PACKAGE).join(entry?.file_name())))
        .collect::<io::Result<Vec<PathBuf>>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "proto"));
    files.sort();
    Ok(files)
}

fn messages(descriptors: &FileDescriptorSet) -> impl Iterator<Item = &DescriptorProto> {
    descriptors.file.iter().flat_map(|file| &file.message_type)
}

fn with_json_form(
    builder: tonic_prost_build::Builder,
    message: &DescriptorProto,
) -> tonic_prost_build::Builder {
    message.field.iter().filter(|field| in_no_oneof(field)).fold(builder, |builder, field| {
        match json_form(field) {
            Some(form) => {
                builder.field_attribute(format!(".linnet.v1.{}.{}", message.name(), field.name()), form)
            }
            None => builder,
        }
    })
}

/// The fields of a oneof have no attributes of their own; an `optional` is a oneof by implementation only.
fn in_no_oneof(field: &FieldDescriptorProto) -> bool {
    field.oneof_index.is_none() || field.proto3_optional()
}

fn json_form(field: &FieldDescriptorProto) -> Option<String> {
    match (field.label(), field.r#type()) {
        (Label::Repeated, Type::Enum) => Some(words_form("words", field)),
        (Label::Repeated, _) => None,
        (_, Type::Message) => Some(OMIT_NONE.into()),
        _ if field.proto3_optional() => Some(OMIT_NONE.into()),
        (_, Type::String) => Some(OMIT_EMPTY.into()),
        (_, Type::Enum) => Some(words_form("word", field)),
        _ => None,
    }
}

fn words_form(function: &str, field: &FieldDescriptorProto) -> String {
    let skip = match function {
        "word" => r#", skip_serializing_if = "crate::json::is_unspecified""#,
        _ => "",
    };
    let name = rust_name(field.type_name());
    format!(r#"#[serde(serialize_with = "crate::json::{function}::<{name}, _>"{skip})]"#)
}

fn rust_name(type_name: &str) -> &str {
    type_name.rsplit('.').next().unwrap_or(type_name)
}

/// One `impl Word` for each enumeration.
fn write_words(descriptors: &FileDescriptorSet, path: &Path) -> Result<(), Box<dyn Error>> {
    let mut code = String::new();
    for enumeration in descriptors.file.iter().flat_map(|file| &file.enum_type) {
        write_words_of(enumeration, &mut code)?;
    }
    Ok(fs::write(path, code)?)
}

fn write_words_of(enumeration: &EnumDescriptorProto, code: &mut String) -> Result<(), Box<dyn Error>> {
    writeln!(code, "impl Word for v1::{} {{", enumeration.name())?;
    writeln!(code, "    fn known(number: i32) -> Option<&'static str> {{\n        match number {{")?;
    let prefix = upper_snake(enumeration.name()) + "_";
    for value in &enumeration.value {
        let word = value.name().strip_prefix(&prefix).ok_or("a constant does not begin with its type")?;
        writeln!(code, "            {} => Some({:?}),", value.number(), word.to_lowercase())?;
    }
    writeln!(code, "            _ => None,\n        }}\n    }}\n}}")?;
    Ok(())
}

/// One line for each method, in the order of the files' names.
fn write_methods(descriptors: &FileDescriptorSet, path: &Path) -> Result<(), Box<dyn Error>> {
    let mut code = String::from("&[\n");
    let mut files: Vec<_> = descriptors.file.iter().collect();
    files.sort_by_key(|file| file.name());
    for file in files {
        for service in &file.service {
            for method in &service.method {
                let (service, name, access) = (service.name(), method.name(), access(method));
                let package = file.package();
                writeln!(
                    code,
                    "    Method {{ service: \"{package}.{service}\", name: {name:?}, access: Access::{access} }},"
                )?;
            }
        }
    }
    code.push(']');
    Ok(fs::write(path, code)?)
}

/// A method that does not say that it only reads may change something.
fn access(method: &MethodDescriptorProto) -> &'static str {
    let level = method.options.as_ref().map(|options| options.idempotency_level());
    if level == Some(IdempotencyLevel::NoSideEffects) { "Read" } else { "Write" }
}

fn upper_snake(camel: &str) -> String {
    let mut snake = String::new();
    for (index, letter) in camel.char_indices() {
        if index > 0 && letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_uppercase());
    }
    snake
}
