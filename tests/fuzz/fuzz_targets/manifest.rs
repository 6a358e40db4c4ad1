// Any bytes as a manifest, with the rest of them as its SKILL.md.
#![no_main]

#[path = "bound.rs"]
mod bound;
#[path = "tell.rs"]
mod tell;

use libfuzzer_sys::fuzz_target;
use obs::Source;
use obs::internal::{FrontMatter, load_manifest};

fuzz_target!(|parts: (&[u8], &[u8])| {
    let (manifest, skill_md) = parts;
    bound::bounded(|| {
        for name in ["manifest.yaml", "manifest.json"] {
            if let Ok(source) = Source::from_bytes(name.to_owned(), manifest.to_vec()) {
                let loaded = load_manifest(source, || FrontMatter::read(skill_md));
                tell::tell(&loaded.problems, &loaded.document);
            }
        }
    });
});
