//! The architecture: imports go down the list of modules, and no two files import each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use syn::visit::Visit;
use syn::{Attribute, Item, ItemMod, ItemUse, UseTree, Visibility};

/// The modules from top to bottom. Those of one layer do not import each other.
const LAYERS: [&[&str]; 9] = [
    &["cli"],
    &["report", "store", "policy"],
    &["prove"],
    &["executor"],
    &["engine"],
    &["skill"],
    &["plan", "process", "event"],
    &["document"],
    &["model"],
];

/// A path of names, such as `crate::store::chain` without the `crate`.
type ModulePath = Vec<String>;

/// What one file says of others.
#[derive(Default)]
struct Imports {
    module: ModulePath,
    /// Everything that the file names in other modules.
    names: BTreeSet<ModulePath>,
    /// Names that the file passes on from its submodules, with where they are from.
    reexports: BTreeMap<String, ModulePath>,
}

impl Imports {
    fn of(module: ModulePath, text: &str) -> Self {
        let mut imports = Self {
            module,
            ..Self::default()
        };
        let file = syn::parse_file(text).expect("src/ compiles, so it parses");
        imports.visit_file(&file);
        imports
    }

    /// The absolute form of a path that begins with `crate`, `super` or `self`.
    fn absolute(&self, path: &[String]) -> Option<ModulePath> {
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => Some(rest.to_vec()),
            "self" => Some([&self.module, rest].concat()),
            "super" => {
                let ups = path.iter().take_while(|name| *name == "super").count();
                let kept = self.module.len().checked_sub(ups)?;
                Some([&self.module[..kept], &path[ups..]].concat())
            }
            _ => None,
        }
    }
}

/// All paths of a `use`, each with the name that it gets.
fn leaves(tree: &UseTree, before: &[String], found: &mut Vec<(String, ModulePath)>) {
    let with = |name: String| [before, &[name]].concat();
    match tree {
        UseTree::Path(path) => leaves(&path.tree, &with(path.ident.to_string()), found),
        UseTree::Name(name) if name.ident == "self" => {
            found.push((before.last().cloned().unwrap_or_default(), before.to_vec()));
        }
        UseTree::Name(name) => found.push((name.ident.to_string(), with(name.ident.to_string()))),
        UseTree::Rename(name) => {
            found.push((name.rename.to_string(), with(name.ident.to_string())));
        }
        UseTree::Glob(_) => found.push(("*".to_owned(), before.to_vec())),
        UseTree::Group(group) => {
            for tree in &group.items {
                leaves(tree, before, found);
            }
        }
    }
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .parse_args::<syn::Path>()
                .is_ok_and(|path| path.is_ident("test"))
    })
}

impl<'ast> Visit<'ast> for Imports {
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let mut found = Vec::new();
        leaves(&item.tree, &[], &mut found);
        for (name, path) in found {
            // Paths without a keyword lead into a submodule, or into another crate.
            let absolute = self
                .absolute(&path)
                .unwrap_or_else(|| [&*self.module, &*path].concat());
            let is_of_submodule = absolute.starts_with(&self.module);
            if matches!(item.vis, Visibility::Inherited) || !is_of_submodule {
                self.names.insert(absolute);
            } else {
                self.reexports.insert(name, absolute);
            }
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names = path.segments.iter();
        let names: ModulePath = names.map(|segment| segment.ident.to_string()).collect();
        self.names.extend(self.absolute(&names));
        syn::visit::visit_path(self, path);
    }

    /// `pub(super)` imports nothing.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if !is_test(&item.attrs) {
            syn::visit::visit_item_mod(self, item);
        }
    }

    fn visit_item(&mut self, item: &'ast Item) {
        let is_test_only = match item {
            Item::Fn(item) => is_test(&item.attrs),
            Item::Impl(item) => is_test(&item.attrs),
            _ => false,
        };
        if !is_test_only {
            syn::visit::visit_item(self, item);
        }
    }
}

/// Which file imports which, both as modules.
struct ImportGraph(BTreeMap<ModulePath, BTreeSet<ModulePath>>);

impl ImportGraph {
    fn new(files: &BTreeMap<ModulePath, String>) -> Self {
        let parsed = files.iter();
        let parsed: BTreeMap<_, _> = parsed
            .map(|(module, text)| (module.clone(), Imports::of(module.clone(), text)))
            .collect();
        let edges = parsed.iter().map(|(module, imports)| {
            let targets = imports.names.iter();
            let targets = targets.filter_map(|name| file_of(name, &parsed));
            let others = targets.filter(|target| target != module);
            (module.clone(), others.collect())
        });
        Self(edges.collect())
    }

    /// The imports that go up, or sideways within a layer.
    fn upward(&self) -> Vec<String> {
        let layer = |module: &ModulePath| {
            let top = module.first()?;
            LAYERS.iter().position(|layer| layer.contains(&&**top))
        };
        let mut found = Vec::new();
        for (module, targets) in &self.0 {
            for target in targets
                .iter()
                .filter(|target| target.first() != module.first())
            {
                if let (Some(from), Some(to)) = (layer(module), layer(target))
                    && from >= to
                {
                    found.push(format!("{} -> {}", module.join("::"), target.join("::")));
                }
            }
        }
        found
    }

    /// The files that import each other, directly or not.
    fn cycles(&self) -> Vec<String> {
        let reach = |from: &ModulePath| {
            let mut seen: BTreeSet<&ModulePath> = BTreeSet::new();
            let mut next: Vec<&ModulePath> = self.0[from].iter().collect();
            while let Some(module) = next.pop() {
                if seen.insert(module) {
                    next.extend(&self.0[module]);
                }
            }
            seen.contains(from)
        };
        let modules = self.0.keys().filter(|module| reach(module));
        modules.map(|module| module.join("::")).collect()
    }
}

/// The file that a path leads to, through the names that modules pass on.
fn file_of(path: &ModulePath, files: &BTreeMap<ModulePath, Imports>) -> Option<ModulePath> {
    let end = (1..=path.len())
        .rev()
        .find(|end| files.contains_key(&path[..*end]))?;
    let (module, rest) = path.split_at(end);
    let imports = &files[module];
    match rest.first().and_then(|name| imports.reexports.get(name)) {
        Some(target) => file_of(target, files),
        None => Some(module.to_vec()),
    }
}

fn read(directory: &Path, module: &[String], files: &mut BTreeMap<ModulePath, String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if name.ends_with("tests") || name == "testing" || name == "main" {
            continue;
        }
        let below = [module, std::slice::from_ref(&name)].concat();
        if path.is_dir() {
            read(&path, &below, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let own = if name == "mod" || name == "lib" {
                module.to_vec()
            } else {
                below
            };
            files.insert(own, fs::read_to_string(&path).unwrap());
        }
    }
}

fn source_files() -> BTreeMap<ModulePath, String> {
    let mut files = BTreeMap::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    read(&root, &[], &mut files);
    files
}

#[test]
fn imports_go_downwards() {
    let graph = ImportGraph::new(&source_files());
    assert!(graph.0.len() > 200, "too few files were read");
    assert_eq!(graph.upward(), Vec::<String>::new());
}

#[test]
fn no_two_files_import_each_other() {
    let graph = ImportGraph::new(&source_files());
    assert_eq!(graph.cycles(), Vec::<String>::new());
}

#[test]
fn every_module_has_a_layer() {
    let modules = source_files().into_keys();
    let tops: BTreeSet<String> = modules
        .filter_map(|module| module.first().cloned())
        .collect();
    let known = LAYERS.iter().copied().flatten();
    let known: BTreeSet<String> = known.map(|module| (*module).to_owned()).collect();
    assert_eq!(tops, known);
}

#[test]
fn an_upward_import_and_a_cycle_are_found() {
    let graph = |files: &[(&str, &str)]| {
        let files = files.iter().map(|(module, text)| {
            let module = module.split("::").map(str::to_owned).collect();
            (module, (*text).to_owned())
        });
        ImportGraph::new(&files.collect())
    };
    let up = graph(&[
        ("cli", "pub use run::Run;"),
        ("cli::run", "pub struct Run;"),
        ("engine", "mod step;"),
        ("engine::step", "fn step(run: crate::cli::Run) {}"),
        ("model", ""),
    ]);
    assert_eq!(up.upward(), ["engine::step -> cli::run"]);
    assert_eq!(up.cycles(), Vec::<String>::new());
    let sideways = graph(&[
        ("report", "use crate::store::Row;"),
        ("store", "pub struct Row;"),
    ]);
    assert_eq!(sideways.upward(), ["report -> store"]);
    let cycle = graph(&[
        ("store", "mod a; mod b; pub use a::A; pub use b::B;"),
        (
            "store::a",
            "use super::B; pub struct A; #[cfg(test)] mod tests { use crate::cli::X; }",
        ),
        (
            "store::b",
            "use std::fmt; fn b() -> crate::store::A { loop {} } pub struct B;",
        ),
        ("cli", "use crate::store::{A, B};"),
    ]);
    assert_eq!(cycle.cycles(), ["store::a", "store::b"]);
    assert_eq!(cycle.upward(), Vec::<String>::new());
}
