//! Every method of the service, and what calling it may do.

/// What calling a method may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It changes nothing.
    Read,
    /// It may change something.
    Write,
}

/// A method of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Method {
    /// Its service, with the package: `linnet.v1.Rib`.
    pub service: &'static str,
    /// Its name: `ListPaths`.
    pub name: &'static str,
    /// What calling it may do.
    pub access: Access,
}

/// All methods, as proto/ declares them. One whose `idempotency_level` is not `NO_SIDE_EFFECTS` may change something,
/// so that a method of which nobody has thought is refused to those who may only read.
pub const METHODS: &[Method] = include!(concat!(env!("OUT_DIR"), "/methods.rs"));

impl Method {
    /// The method that a request's path names: `/linnet.v1.Rib/ListPaths`.
    pub fn at(path: &str) -> Option<&'static Method> {
        let (service, name) = path.strip_prefix('/')?.split_once('/')?;
        METHODS.iter().find(|method| method.service == service && method.name == name)
    }
}

/// The services, with the package, in the order of their files.
pub fn services() -> impl Iterator<Item = &'static str> {
    let mut services: Vec<_> = METHODS.iter().map(|method| method.service).collect();
    services.dedup();
    services.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_found_by_their_paths() {
        let access = |path| Method::at(path).map(|method| method.access);
        assert_eq!(access("/linnet.v1.Rib/ListPaths"), Some(Access::Read));
        assert_eq!(access("/linnet.v1.Neighbors/ResetNeighbor"), Some(Access::Write));
        for path in
            ["", "/", "/linnet.v1.Rib", "/linnet.v1.Rib/", "linnet.v1.Rib/ListPaths", "/Rib/ListPaths"]
        {
            assert_eq!(access(path), None, "{path}");
        }
    }

    #[test]
    fn each_service_is_named_once() {
        let mut sorted: Vec<_> = services().collect();
        assert!(sorted.contains(&"linnet.v1.Monitor"));
        let count = sorted.len();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), count);
    }
}
