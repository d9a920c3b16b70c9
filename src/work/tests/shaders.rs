// SPDX-License-Identifier: MIT OR Apache-2.0
//! The shader texts, read by the compiler that devices use.

use crate::work::fields::Fields;
use crate::work::shader;
use crate::work::words::Word;

fn module(fields: &Fields) -> naga::Module {
    let head = "@group(0) @binding(0) var<storage, read_write> queue: array<u32>;\n";
    let main = "@compute @workgroup_size(1) fn main() {\n    var item = item_load(0u);\n\
                let code = item_go_on(&item, ONWARD_PAUSE, 0u, 0u, 3u) + FAULT_BAND;\n\
                queue[100] = code;\n    item_store(ITEM_WORDS, item);\n}\n";
    let parts = [
        head.to_owned(),
        shader::item(fields),
        shader::load(fields, "item_load", "queue"),
        shader::store(fields, "item_store", "queue"),
        shader::codes(),
        shader::go_on(fields),
        main.to_owned(),
    ];
    let text = parts.concat();
    let module = naga::front::wgsl::parse_str(&text).unwrap_or_else(|error| panic!("{}", error.emit_to_string(&text)));
    let mut validator =
        naga::valid::Validator::new(naga::valid::ValidationFlags::all(), naga::valid::Capabilities::default());
    validator.validate(&module).unwrap_or_else(|error| panic!("{error:?}\n{text}"));
    module
}

/// Offsets and size of the struct as the shader has it are the places of the record.
#[test]
fn the_structs_of_shader_and_record_agree_for_every_single_field_and_many_masks() {
    let singles = (0..16).map(|bit| 1 << bit);
    let many = (1..0x1_0000u32).step_by(577);
    for mask in singles.chain(many).chain([0xFFFF]) {
        let fields = Fields::new(mask).unwrap();
        let module = module(&fields);
        let (_, item) = module.types.iter().find(|(_, item)| item.name.as_deref() == Some("Item")).unwrap();
        let naga::TypeInner::Struct { members, span } = &item.inner else { panic!("Item is no struct") };
        assert_eq!(*span as usize, 4 * fields.length());
        for (member, word) in members.iter().zip(fields.words()) {
            assert_eq!(member.name.as_deref(), Some(word.name()));
            assert_eq!(Some(member.offset as usize / 4), fields.offset(word));
        }
        assert_eq!(members.len(), fields.length());
    }
}

#[test]
fn a_struct_says_only_what_is_carried() {
    let text = shader::item(&Fields::new(Word::Param.bit()).unwrap());
    assert_eq!(text, "struct Item {\n    param: u32,\n}\nconst ITEM_WORDS = 1u;\n");
}
