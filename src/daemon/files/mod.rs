//! The task that watches the files in which programs say what this node announces.
//!
//! A file counts when it is whole: when it was renamed into place, linked there, or closed by who wrote it. So
//! nothing is read while it is being written, and a file that changes is read once. One that is at fault, or cannot
//! be read, keeps what it said before, and the fault is told; one that is gone gives nothing. Gone is a file only if
//! it is still gone a moment later, as editors put files away before they put new ones there.
//!
//! Every source is told as a whole ([`PrefixNews`]). What it says is in `text`, when it is to be looked at in `notify`.

mod notify;
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use tokio::sync::{mpsc, watch};
use tracing::{info, warn};

use crate::config::{Announcement, FileSource};
use crate::core::{Event, PrefixNews};

use notify::{Hint, Watches};

/// How long files may rest until they are looked at: a program that puts several into place has them counted together.
const REST: Duration = Duration::from_millis(50);

/// How often is looked for a directory that is not there, and for everything where the kernel cannot watch.
const POLL: Duration = Duration::from_secs(2);

/// What one file says, and what is wrong with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Said {
    prefixes: BTreeSet<IpNet>,
    fault: Option<String>,
}

/// A source, and what is known of its files.
#[derive(Debug)]
struct Source {
    config: FileSource,
    /// By path; a source that is a file has one.
    files: BTreeMap<PathBuf, Said>,
    told: Option<PrefixNews>,
}

/// Tells core what the files say, for as long as there is a core. Which files `sources` says.
pub(super) async fn watch(mut wanted: watch::Receiver<Vec<FileSource>>, core: mpsc::Sender<Event>) {
    let mut sources: Vec<Source> = Vec::new();
    let mut watches = Watches::none();
    loop {
        if wanted.has_changed().unwrap_or(false) || sources.is_empty() {
            sources = renewed(sources, &wanted.borrow_and_update());
            watches = Watches::open(sources.iter().map(|source| source.config.path.as_path()));
            sources.iter_mut().for_each(Source::read_all);
        }
        for source in &mut sources {
            if let Some(news) = source.news()
                && core.send(Event::Prefixes(news)).await.is_err()
            {
                return;
            }
        }
        tokio::select! {
            changed = wanted.changed() => if changed.is_err() { return },
            hints = watches.next() => {
                let mut hints = hints;
                tokio::time::sleep(REST).await;
                hints.extend(watches.ready());
                take_hints(&mut sources, &mut watches, &hints);
            }
            () = tokio::time::sleep(POLL), if watches.miss_something() => {
                watches = Watches::open(sources.iter().map(|source| source.config.path.as_path()));
                sources.iter_mut().for_each(Source::read_all);
            }
            () = core.closed() => return,
        }
    }
}

/// The sources that are wanted now. Those that were before keep what they know.
fn renewed(mut former: Vec<Source>, wanted: &[FileSource]) -> Vec<Source> {
    let mut take = |config: &FileSource| {
        let known = former.iter().position(|source| source.config.path == config.path);
        let files = known.map(|index| former.swap_remove(index).files).unwrap_or_default();
        Source { config: config.clone(), files, told: None }
    };
    wanted.iter().map(&mut take).collect()
}

fn take_hints(sources: &mut [Source], watches: &mut Watches, hints: &[Hint]) {
    if hints.iter().any(|hint| matches!(hint, Hint::Everything)) {
        *watches = Watches::open(sources.iter().map(|source| source.config.path.as_path()));
        sources.iter_mut().for_each(Source::read_all);
        return;
    }
    for hint in hints {
        let Hint::Changed { directory, name } = hint else { continue };
        sources.iter_mut().for_each(|source| source.changed(directory, name));
    }
}

impl Source {
    /// Something in a directory has changed that may concern the source.
    fn changed(&mut self, directory: &Path, name: &OsStr) {
        let path = directory.join(name);
        if path == self.config.path {
            self.read_all();
        } else if directory == self.config.path {
            self.read(path);
        } else if self.config.path.parent() == Some(directory) && is_link(&self.config.path) {
            // What a link leads to may be another file now, as where a whole directory of links is turned over.
            self.read_all();
        }
    }

    /// Reads everything that the source is made of.
    fn read_all(&mut self) {
        let path = self.config.path.clone();
        let Ok(names) = fs::read_dir(&path) else { return self.only(path) };
        let present: BTreeSet<PathBuf> =
            names.flatten().map(|entry| entry.path()).filter(|p| is_visible(p)).collect();
        self.files.retain(|path, _| present.contains(path));
        present.into_iter().for_each(|path| self.read(path));
    }

    /// The source is one file, or nothing.
    fn only(&mut self, path: PathBuf) {
        self.files.retain(|known, _| *known == path);
        self.read(path);
    }

    fn read(&mut self, path: PathBuf) {
        if !is_visible(&path) && path != self.config.path {
            return;
        }
        let is_whole = path == self.config.path;
        match fs::read_to_string(&path) {
            Ok(text) => {
                let said = self.files.entry(path.clone()).or_default();
                match text::parse(&path.display().to_string(), &text) {
                    Ok(prefixes) => *said = Said { prefixes, fault: None },
                    Err(fault) => said.fault = Some(fault),
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound && !is_whole => {
                self.files.remove(&path);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let fault = format!("{}: there is no such file", path.display());
                self.files.insert(path, Said { prefixes: BTreeSet::new(), fault: Some(fault) });
            }
            // A directory in a directory is nobody's file.
            Err(error) if error.kind() == io::ErrorKind::IsADirectory => {
                self.files.remove(&path);
            }
            Err(error) => {
                let fault = format!("{}: {error}", path.display());
                self.files.entry(path).or_default().fault = Some(fault);
            }
        }
    }

    /// What core is to be told, if that is anything new.
    fn news(&mut self) -> Option<PrefixNews> {
        let prefixes: BTreeSet<IpNet> =
            self.files.values().flat_map(|said| said.prefixes.iter().copied()).collect();
        let (kind, attrs) = (self.config.kind, &self.config.attrs);
        let announcement = |prefix| Announcement { prefix, kind, attrs: attrs.clone() };
        let faults: Vec<&str> = self.files.values().filter_map(|said| said.fault.as_deref()).collect();
        let news = PrefixNews {
            source: Arc::from(self.config.to_string()),
            prefixes: prefixes.into_iter().map(announcement).collect(),
            fault: faults.join("; "),
        };
        if self.told.as_ref() == Some(&news) {
            return None;
        }
        match (&*news.fault, self.told.as_ref().map_or("", |told| &*told.fault)) {
            (fault, former) if !fault.is_empty() && fault != former => {
                warn!(source = &*news.source, "{fault}; what was said before holds");
            }
            _ => info!(source = &*news.source, prefixes = news.prefixes.len(), "read"),
        }
        self.told = Some(news.clone());
        Some(news)
    }
}

fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink())
}

/// What begins with a dot is put away, or not in place yet.
fn is_visible(path: &Path) -> bool {
    path.file_name().is_some_and(|name| !name.as_encoded_bytes().starts_with(b"."))
}

#[cfg(test)]
mod tests {
    use tokio::sync::watch::channel;

    use super::*;
    use crate::config::{OwnAttrs, PrefixKind};

    /// Watches a path; each call of the returned channel waits for what core is told.
    fn watching(path: &Path) -> (watch::Sender<Vec<FileSource>>, mpsc::Receiver<Event>) {
        let source =
            FileSource { path: path.to_owned(), kind: PrefixKind::Prefixes, attrs: OwnAttrs::default() };
        let (wanted, receiver) = channel(vec![source]);
        let (core, events) = mpsc::channel(1);
        tokio::spawn(watch(receiver, core));
        (wanted, events)
    }

    /// The next thing that core is told: prefixes, and the fault.
    async fn told(events: &mut mpsc::Receiver<Event>) -> (Vec<String>, String) {
        let event = tokio::time::timeout(Duration::from_secs(20), events.recv()).await;
        let Ok(Some(Event::Prefixes(news))) = event else { panic!("{event:?}") };
        (news.prefixes.iter().map(|a| a.prefix.to_string()).collect(), news.fault)
    }

    fn rename_into(path: &Path, text: &str) {
        let new = path.with_file_name(".new");
        fs::write(&new, text).unwrap();
        fs::rename(new, path).unwrap();
    }

    #[tokio::test]
    async fn a_file_is_followed_and_a_bad_one_changes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pods");
        let (_wanted, mut events) = watching(&path);
        let (prefixes, fault) = told(&mut events).await;
        assert_eq!((prefixes.len(), fault.contains("there is no such file")), (0, true));
        rename_into(&path, "10.244.1.0/24 # this node\n");
        assert_eq!(told(&mut events).await, (vec!["10.244.1.0/24".to_owned()], String::new()));
        rename_into(&path, "10.244.2.0/24\n10.244.3.0\n");
        let (prefixes, fault) = told(&mut events).await;
        assert_eq!(prefixes, ["10.244.1.0/24"], "what it said before");
        assert!(fault.contains("pods:2: `10.244.3.0` is no prefix"), "{fault}");
        fs::write(&path, "10.244.2.0/24\nfd00::/64\n").unwrap();
        assert_eq!(told(&mut events).await.0, ["10.244.2.0/24", "fd00::/64"]);
        fs::remove_file(&path).unwrap();
        assert_eq!(told(&mut events).await.0, [] as [&str; 0]);
    }

    #[tokio::test]
    async fn every_file_of_a_directory_counts() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("a"), "10.244.1.0/24\n").unwrap();
        let (_wanted, mut events) = watching(directory.path());
        assert_eq!(told(&mut events).await.0, ["10.244.1.0/24"]);
        rename_into(&directory.path().join("b"), "10.244.1.0/24\n10.244.2.0/24\n");
        assert_eq!(told(&mut events).await.0, ["10.244.1.0/24", "10.244.2.0/24"]);
        rename_into(&directory.path().join("a"), "what\n");
        let (prefixes, fault) = told(&mut events).await;
        assert_eq!((prefixes.len(), fault.contains("a:1: `what` is no prefix")), (2, true), "{fault}");
        fs::remove_file(directory.path().join("b")).unwrap();
        assert_eq!(told(&mut events).await.0, ["10.244.1.0/24"]);
    }

    #[tokio::test]
    async fn links_that_are_turned_over_are_noticed() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        for (name, text) in [("one", "10.244.1.0/24\n"), ("two", "10.244.2.0/24\n")] {
            fs::create_dir(at(name)).unwrap();
            fs::write(at(name).join("pods"), text).unwrap();
        }
        std::os::unix::fs::symlink("one", at("..data")).unwrap();
        std::os::unix::fs::symlink("..data/pods", at("pods")).unwrap();
        let (_wanted, mut events) = watching(&at("pods"));
        assert_eq!(told(&mut events).await.0, ["10.244.1.0/24"]);
        std::os::unix::fs::symlink("two", at("..new")).unwrap();
        fs::rename(at("..new"), at("..data")).unwrap();
        assert_eq!(told(&mut events).await.0, ["10.244.2.0/24"]);
    }

    #[tokio::test]
    async fn a_directory_that_is_made_later_is_found() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("later").join("pods");
        let (wanted, mut events) = watching(&path);
        assert_eq!(told(&mut events).await.0.len(), 0);
        fs::create_dir(directory.path().join("later")).unwrap();
        fs::write(&path, "10.244.1.0/24").unwrap();
        assert_eq!(told(&mut events).await.0, ["10.244.1.0/24"]);
        drop(wanted);
        assert!(events.recv().await.is_none(), "it ends with who wants it");
    }
}
