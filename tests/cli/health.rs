//! `linnet health`, and what is said where linnetd is not found, or does not let everybody in.

use std::net::TcpListener;
use std::thread;

use api::server::Readiness;

use crate::fake::Fake;

fn ended(fake: &Fake, arguments: &str) -> (i32, String, String) {
    let output = fake.run(arguments);
    let [out, err] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    (output.status.code().unwrap(), out, err)
}

#[test]
fn all_is_well() {
    let fake = Fake::start();
    let (code, out, err) = ended(&fake, "health");
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(out.lines().skip(1).all(|line| line.ends_with(" serving")), "{out}");
    assert!(out.contains("linnetd  ") && out.contains("linnet.v1.Monitor"), "{out}");
}

#[test]
fn what_waits_fails_the_check_and_is_named() {
    let fake = Fake::with(Readiness { evpn: false, ..Readiness::FULL });
    let (code, out, err) = ended(&fake, "-o json health");
    assert_eq!((code, err.as_str()), (1, "error: not serving: linnetd, linnet.v1.Evpn, linnet.v1.Fib\n"));
    let rows: serde_json::Value = serde_json::from_str(&out).unwrap();
    let state = |service: &str| {
        let row = rows.as_array().unwrap().iter().find(|row| row["service"] == service).unwrap();
        row["state"].as_str().unwrap().to_owned()
    };
    assert_eq!((state("linnet.v1.Evpn"), state("linnet.v1.Rib")), ("not_serving".into(), "serving".into()));
}

#[test]
fn who_may_only_read_is_told_so() {
    let fake = Fake::start();
    let socket = fake.read_only_socket();
    let (code, ..) = ended(&fake, &format!("--socket {} status", socket.display()));
    assert_eq!(code, 0);
    let (code, _, err) = ended(&fake, &format!("--socket {} neighbor 10.0.1.1 reset", socket.display()));
    let expected = "error: ResetNeighbor may change something, and this socket is for reading: ask by the one that \
                    `api.socket` names\n";
    assert_eq!((code, err.as_str()), (1, expected));
}

#[test]
fn each_wrong_way_has_its_sentence_and_what_to_do() {
    let fake = Fake::start();
    let stranger = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = stranger.local_addr().unwrap();
    thread::spawn(move || stranger.incoming().for_each(drop));
    for (arguments, sentence, advice) in [
        (
            "--address 127.0.0.1:1 status",
            "linnetd is not running: nobody answers at 127.0.0.1:1",
            "--socket PATH",
        ),
        ("--address 127.0.0.1 status", "`127.0.0.1` is no address: HOST:PORT", ""),
        ("--address nowhere.invalid:1 status", "nowhere.invalid:1: ", "`api.listen`"),
        ("--socket Cargo.toml status", "Cargo.toml is no socket", "`api.socket`"),
        (&format!("--address {address} status"), "has closed the connection", "--tls-ca"),
        ("--address 127.0.0.1:1 --tls-ca /no/ca status", "/no/ca: No such file", ""),
    ] {
        let (code, out, err) = ended(&fake, arguments);
        assert_eq!((code, out.as_str()), (1, ""), "{err}");
        let (first, rest) = err.split_once('\n').unwrap();
        assert!(first.contains(sentence) && rest.contains(advice), "{arguments}: {err}");
    }
    let (code, _, err) = ended(&fake, "--address 127.0.0.1:1 --tls-key k status");
    assert_eq!((code, err.as_str()), (2, "error: a key takes its certificate: --tls-cert FILE\n"));
}
