//! What a follower shows and what it asks, before an API server that does all that API servers do.

use std::net::TcpListener;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use ipnet::IpNet;
use kubernetes::{Access, Link, Pace, Settings, View, follow};
use lab::kubernetes::{ApiServer, Cut, Gone, Mood, Request};
use lab::wait_until;
use tempfile::TempDir;
use tokio::sync::watch;

/// How long anything may take; generous, for machines under load.
const BOUND: Duration = Duration::from_secs(30);

/// So that tests take no longer than they must.
const PACE: Pace = Pace {
    first_pause: Duration::from_millis(10),
    longest_pause: Duration::from_millis(200),
    answer: Duration::from_secs(5),
    watch: Duration::from_secs(290),
};

/// A follower of Node `worker`, and the server that it follows.
struct Scene {
    server: ApiServer,
    /// Where its kubeconfig lies.
    _folder: TempDir,
    view: watch::Receiver<View>,
}

impl Scene {
    /// The Node has `10.244.1.0/24`.
    fn new() -> Result<Scene> {
        let server = server()?;
        server.put("worker", &["10.244.1.0/24"], "10.0.0.1");
        Scene::before(server, "token: first", |_| {})
    }

    /// With these keys of a user, and these changes to the settings.
    fn before(server: ApiServer, user: &str, change: impl FnOnce(&mut Settings)) -> Result<Scene> {
        let folder = tempfile::tempdir()?;
        let kubeconfig = folder.path().join("kubeconfig");
        std::fs::write(&kubeconfig, server.kubeconfig(user))?;
        let access = Access::Kubeconfig(kubeconfig);
        let mut settings = Settings { node: "worker".into(), access, pace: PACE };
        change(&mut settings);
        let (shown, view) = watch::channel(View::default());
        tokio::spawn(follow(settings, shown));
        Ok(Scene { server, _folder: folder, view })
    }

    /// Waits until the view is such.
    async fn until(&mut self, what: &str, such: impl FnMut(&View) -> bool) -> Result<View> {
        let view =
            tokio::time::timeout(BOUND, self.view.wait_for(such)).await.map(|view| view.map(|v| v.clone()));
        view.map_err(|_| anyhow::anyhow!("no {what}; {:?}", self.view.borrow()))?
            .context("the follower ended")
    }

    /// Waits until the server is followed and these are the Node's prefixes.
    async fn until_set(&mut self, cidrs: &[&str]) -> Result<()> {
        let cidrs: Vec<IpNet> = cidrs.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
        self.until(&format!("{cidrs:?}"), |view| {
            view.pod_cidrs.as_ref() == Some(&cidrs) && view.link == Link::Following
        })
        .await?;
        Ok(())
    }

    /// Waits until the link is lost with such a reason. The set stays.
    async fn until_lost(&mut self, reason: &str) -> Result<View> {
        let before = self.view.borrow().pod_cidrs.clone();
        let lost = |view: &View| matches!(&view.link, Link::Lost(why) if why.contains(reason));
        let view = self.until(reason, lost).await?;
        ensure!(view.pod_cidrs == before, "the set became {:?}", view.pod_cidrs);
        Ok(view)
    }

    /// Waits for a watch from this version.
    fn watch_from(&self, version: &str) -> Result<Request> {
        wait_until(BOUND, &format!("watch from {version}"), || {
            let requests = self.server.requests();
            let watch = requests.iter().rfind(|r| r.is_watch() && r.key("resourceVersion") == Some(version));
            watch.cloned().with_context(|| format!("{requests:?}"))
        })
    }

    fn lists(&self) -> usize {
        self.server.requests().iter().filter(|request| !request.is_watch()).count()
    }
}

fn server() -> Result<ApiServer> {
    Ok(ApiServer::start(TcpListener::bind("127.0.0.1:0")?)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_set_follows_the_node() -> Result<()> {
    let mut scene = Scene::new()?;
    scene.until_set(&["10.244.1.0/24"]).await?;
    scene.server.put("worker", &["fd00:244:1::/64", "10.244.1.0/24"], "10.0.0.1");
    scene.until_set(&["10.244.1.0/24", "fd00:244:1::/64"]).await?;
    scene.server.put("worker", &[], "10.0.0.1");
    scene.until_set(&[]).await?;
    scene.server.put("worker", &["10.244.9.0/24"], "10.0.0.1");
    scene.until_set(&["10.244.9.0/24"]).await?;
    scene.server.delete("worker");
    scene.until_set(&[]).await?;
    scene.server.put("worker", &["10.244.2.0/24"], "10.0.0.1");
    scene.until_set(&["10.244.2.0/24"]).await?;
    ensure!(scene.lists() == 1, "{:?}", scene.server.requests());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_own_node_is_asked_for() -> Result<()> {
    let mut scene = Scene::new()?;
    let version = scene.server.version();
    scene.until_set(&["10.244.1.0/24"]).await?;
    let watch = scene.watch_from(&version)?;
    ensure!(watch.key("allowWatchBookmarks") == Some("true"), "{watch:?}");
    ensure!(watch.key("timeoutSeconds") == Some("290"), "{watch:?}");
    for request in scene.server.requests() {
        ensure!(request.path == "/api/v1/nodes", "{request:?}");
        ensure!(request.key("fieldSelector") == Some("metadata.name=worker"), "{request:?}");
        ensure!(request.token.as_deref() == Some("first"), "{request:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_comes_later_is_waited_for() -> Result<()> {
    let server = server()?;
    server.put("another", &["10.244.7.0/24"], "10.0.0.7");
    let mut scene = Scene::before(server, "token: first", |_| {})?;
    scene.until_set(&[]).await?;
    scene.server.put("worker", &["10.244.1.0/24"], "10.0.0.1");
    scene.until_set(&["10.244.1.0/24"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_ends_goes_on_where_it_was() -> Result<()> {
    let mut scene = Scene::new()?;
    scene.until_set(&["10.244.1.0/24"]).await?;
    for (cut, cidr) in [(Cut::Cleanly, "10.244.2.0/24"), (Cut::InMidLine, "10.244.3.0/24")] {
        scene.server.put("worker", &[cidr], "10.0.0.1");
        scene.until_set(&[cidr]).await?;
        scene.server.cut(cut);
        scene.watch_from(&scene.server.version())?;
    }
    scene.server.put("worker", &["10.244.4.0/24"], "10.0.0.1");
    scene.until_set(&["10.244.4.0/24"]).await?;
    ensure!(scene.lists() == 1, "{:?}", scene.server.requests());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_between_two_watches_is_not_missed() -> Result<()> {
    let mut scene = Scene::new()?;
    scene.until_set(&["10.244.1.0/24"]).await?;
    scene.watch_from(&scene.server.version())?;
    scene.server.set_mood(Mood::Away);
    scene.server.cut(Cut::InMidLine);
    scene.until_lost("").await?;
    scene.server.put("worker", &["10.244.2.0/24"], "10.0.0.1");
    scene.server.set_mood(Mood::Well);
    scene.until_set(&["10.244.2.0/24"]).await?;
    ensure!(scene.lists() == 1, "{:?}", scene.server.requests());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bookmark_moves_the_version_on() -> Result<()> {
    let mut scene = Scene::new()?;
    scene.until_set(&["10.244.1.0/24"]).await?;
    let before = scene.server.version();
    scene.watch_from(&before)?;
    let version = scene.server.bookmark();
    ensure!(version != before);
    scene.server.cut(Cut::Cleanly);
    scene.watch_from(&version)?;
    ensure!(scene.lists() == 1, "{:?}", scene.server.requests());
    Ok(())
}

/// Whichever way the server says that it has forgotten a version, the Nodes are listed anew, and the set is never empty
/// in between.
async fn forgotten(gone: Gone) -> Result<()> {
    let mut scene = Scene::new()?;
    scene.until_set(&["10.244.1.0/24"]).await?;
    scene.watch_from(&scene.server.version())?;
    scene.server.set_mood(Mood::Away);
    scene.server.cut(Cut::InMidLine);
    let before = scene.until_lost("").await?.pod_cidrs;
    scene.server.put("worker", &["10.244.2.0/24"], "10.0.0.1");
    scene.server.forget(gone);
    scene.server.set_mood(Mood::Well);
    let view = scene.until("new set", |view| view.pod_cidrs != before).await?;
    ensure!(view.pod_cidrs == Some(vec!["10.244.2.0/24".parse()?]), "{view:?}");
    ensure!(scene.lists() == 2, "{:?}", scene.server.requests());
    scene.watch_from(&scene.server.version())?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_gone_by_status_is_listed_anew() -> Result<()> {
    forgotten(Gone::Status).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_gone_by_event_is_listed_anew() -> Result<()> {
    forgotten(Gone::Event).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_set_stays_while_nobody_answers() -> Result<()> {
    let mut scene = Scene::new()?;
    scene.until_set(&["10.244.1.0/24"]).await?;
    for (mood, reason) in [
        (Mood::Refuses(503), "refuses with 503"),
        (Mood::Away, "connection closed"),
        (Mood::Refuses(403), "needs the verbs get, list and watch on nodes"),
    ] {
        scene.server.set_mood(mood);
        scene.server.cut(Cut::Cleanly);
        scene.until_lost(reason).await?;
        scene.server.set_mood(Mood::Well);
        scene.until_set(&["10.244.1.0/24"]).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_says_nothing_is_not_waited_for() -> Result<()> {
    let server = server()?;
    server.put("worker", &["10.244.1.0/24"], "10.0.0.1");
    server.set_mood(Mood::Silent);
    let mut scene =
        Scene::before(server, "token: first", |settings| settings.pace.answer = Duration::from_millis(200))?;
    let view = scene.until_lost("does not answer within 0.2 s").await?;
    ensure!(view.pod_cidrs.is_none(), "{view:?}");
    scene.server.set_mood(Mood::Well);
    scene.until_set(&["10.244.1.0/24"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_refused_is_read_again() -> Result<()> {
    let server = server()?;
    server.put("worker", &["10.244.1.0/24"], "10.0.0.1");
    server.take_only("first");
    let tokens = tempfile::tempdir()?;
    let file = tokens.path().join("token");
    std::fs::write(&file, "first")?;
    let mut scene = Scene::before(server, &format!("tokenFile: {}", file.display()), |_| {})?;
    scene.until_set(&["10.244.1.0/24"]).await?;
    scene.server.take_only("second");
    scene.server.cut(Cut::Cleanly);
    let view = scene.until_lost("401").await?;
    ensure!(!format!("{view:?}").contains("first"), "the token is told: {view:?}");
    std::fs::write(&file, "second")?;
    scene.until_set(&["10.244.1.0/24"]).await?;
    let last = scene.watch_from(&scene.server.version())?;
    ensure!(last.token.as_deref() == Some("second"), "{last:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kubeconfig_that_comes_later_is_read_then() -> Result<()> {
    let server = server()?;
    server.put("worker", &["10.244.1.0/24"], "10.0.0.1");
    let kubeconfig = server.kubeconfig("token: first");
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("late");
    let mut scene = Scene::before(server, "token: first", |settings| {
        settings.access = Access::Kubeconfig(file.clone());
    })?;
    scene.until_lost("no way to the API server").await?;
    std::fs::write(&file, kubeconfig)?;
    scene.until_set(&["10.244.1.0/24"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cidr_that_makes_no_sense_changes_nothing() -> Result<()> {
    let mut scene = Scene::new()?;
    scene.until_set(&["10.244.1.0/24"]).await?;
    scene.server.put("worker", &["10.244.2.0/24", "nonsense"], "10.0.0.1");
    scene.until_lost("Node worker: spec.podCIDRs: `nonsense` is no prefix").await?;
    scene.server.put("worker", &["10.244.2.0/24"], "10.0.0.1");
    scene.until_set(&["10.244.2.0/24"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ends_each_watch_at_once_is_not_hammered() -> Result<()> {
    let server = server()?;
    server.put("worker", &["10.244.1.0/24"], "10.0.0.1");
    let mut scene = Scene::before(server, "token: first", |settings| {
        // A watch of no length.
        settings.pace = Pace { watch: Duration::ZERO, first_pause: Duration::from_secs(20), ..PACE };
    })?;
    scene.until_set(&["10.244.1.0/24"]).await?;
    scene.watch_from(&scene.server.version())?;
    let quiet = tokio::time::timeout(Duration::from_secs(1), scene.view.changed()).await;
    ensure!(quiet.is_err(), "{:?}", scene.view.borrow());
    ensure!(scene.server.requests().len() == 2, "{:?}", scene.server.requests());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_when_nobody_looks_any_more() -> Result<()> {
    let server = server()?;
    let folder = tempfile::tempdir()?;
    let kubeconfig = folder.path().join("kubeconfig");
    std::fs::write(&kubeconfig, server.kubeconfig("token: first"))?;
    let settings = Settings { node: "worker".into(), access: Access::Kubeconfig(kubeconfig), pace: PACE };
    let (shown, view) = watch::channel(View::default());
    let follower = tokio::spawn(follow(settings, shown));
    drop(view);
    tokio::time::timeout(BOUND, follower).await??;
    Ok(())
}
