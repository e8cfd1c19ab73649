//! What stands below each command's help: lines that can be typed as they are.

/// Of the program.
pub(super) const LINNET: &str = "\
Examples:
  linnet neighbor                        sessions, one line for each family
  linnet neighbor 10.0.1.1 softreset     ask for its routes again, and send ours again
  linnet rib -a evpn macip --vni 100     MAC/IP routes of one network
  linnet rib 10.244.1.0/24 --detail      every attribute of every path
  linnet evpn mac --vni 100              where each MAC is, and whether the kernel knows
  linnet fib diff                        where the kernel is not as it should be
  linnet route 10.244.1.0/24             native routing: next hops, and what the kernel has
  linnet monitor neighbor rib            what changes, as it changes, and why
  linnet top                             all of it live, on one screen
  linnet doctor                          why packets do not arrive
  linnet -o json evpn vni | jq           for scripts

What FRR, BIRD, GoBGP and Cilium call these is understood, too: linnet show bgp l2vpn evpn summary";

pub(super) const NEIGHBOR: &str = "\
Examples:
  linnet neighbor                            all, one line for each family
  linnet neighbor 10.0.1.1                   everything about one
  linnet neighbor 10.0.1.1 softresetin       have it send its routes again
  linnet neighbor 10.0.1.1 shutdown --message maintenance
  linnet neighbor 10.0.1.1 enable
  linnet neighbor 10.0.1.9 remove            until the file is read again";

pub(super) const NEIGHBOR_ADD: &str = "\
Examples:
  linnet neighbor add 10.0.1.9 --remote-as 65000 -a evpn
  linnet neighbor add eth1 --remote-as external -a ipv4,ipv6
  linnet neighbor add 10.0.1.9 --peer-group spines --set hold_time=9";

pub(super) const BFD: &str = "\
Examples:
  linnet bfd                 all sessions
  linnet bfd 10.0.1.1        timers, discriminators and counters of one";

pub(super) const RIB: &str = "\
Examples:
  linnet rib summary                                 how many, of each family
  linnet rib -a evpn macip --vni 100                 MAC/IP routes of one network
  linnet rib --mac 02:00:00:00:00:50                 every route of a MAC
  linnet rib 10.244.1.0/24 --detail                  every attribute of every path
  linnet rib 10.244.1.7                              the longest prefix that covers an address
  linnet rib --within 10.244.0.0/16                  all prefixes within one
  linnet rib --neighbor 10.0.1.1 --adj out           what a neighbor is sent
  linnet rib --neighbor 10.0.1.1 --adj received      what it sent, before any policy";

pub(super) const POLICY: &str = "\
Examples:
  linnet policy                  all, with how many routes each statement applied to
  linnet policy from-spines -o wide";

pub(super) const EXPLAIN: &str = "\
Examples:
  linnet explain 02:00:00:00:00:50
  linnet explain 192.168.1.11
  linnet explain 10.244.1.0/24";

pub(super) const EVPN: &str = "\
Examples:
  linnet evpn vni                        the networks of this node
  linnet evpn mac --vni 100 --remote     MACs elsewhere, and whether the kernel knows
  linnet evpn arp --ip 192.168.1.11      where an address is
  linnet evpn vtep                       the other ends of the tunnels
  linnet evpn duplicates                 what two hosts seem to have";

pub(super) const EVPN_VNI: &str = "\
Examples:
  linnet evpn vni
  linnet evpn vni --vni 100 -o wide      with route distinguisher and route targets";

pub(super) const EVPN_MAC: &str = "\
Examples:
  linnet evpn mac --vni 100
  linnet evpn mac --vtep 10.0.0.2        what is behind one VTEP
  linnet evpn mac --local                what is attached here";

pub(super) const EVPN_ARP: &str = "\
Examples:
  linnet evpn arp --vni 100
  linnet evpn arp --ip 192.168.1.11
  linnet evpn arp --mac 02:00:00:00:00:50";

pub(super) const EVPN_VTEP: &str = "\
Examples:
  linnet evpn vtep
  linnet evpn vtep --vni 100";

pub(super) const EVPN_DUPLICATES: &str = "\
Examples:
  linnet evpn duplicates --vni 100
  linnet evpn duplicates clear           what is frozen may move again";

pub(super) const EVPN_DUPLICATES_CLEAR: &str = "\
Examples:
  linnet evpn duplicates clear                                  all of them
  linnet evpn duplicates clear --vni 100 02:00:00:00:00:50
  linnet evpn duplicates clear 192.168.1.11";

pub(super) const FIB: &str = "\
Examples:
  linnet fib diff                where the kernel is not as it should be, and why
  linnet fib --kind flood        the flood lists
  linnet fib --vni 100 -o json";

pub(super) const ROUTE: &str = "\
Examples:
  linnet route                   all prefixes, with their next hops
  linnet route diff              those that the kernel does not have, and why
  linnet route 10.244.1.0/24
  linnet route -a ipv6";

pub(super) const NATIVE: &str = "\
Examples:
  linnet native                      what is announced
  linnet native sources              where it comes from
  linnet native --state withheld     what a block is announced for instead";

pub(super) const TOPOLOGY: &str = "\
Examples:
  linnet topology
  linnet topology --format mermaid               for Markdown
  linnet topology --vni 100 --format svg > fabric.svg
  linnet topology --format dot | dot -Tpng > fabric.png";

pub(super) const INJECT: &str = "\
Examples:
  linnet inject 10.7.0.0/16 --next-hop 10.0.0.1
  linnet inject 10.7.0.0/16 --next-hop 10.0.0.1 --community 65000:1 --lease 5m
  linnet inject evpn macip --rd 10.0.0.9:1 --vni 100 --mac 02:00:00:00:00:50 --next-hop 10.0.0.9";

pub(super) const MONITOR: &str = "\
Examples:
  linnet monitor                         everything: the present state, then each change
  linnet monitor neighbor --changes-only
  linnet monitor rib -o json             one object a line";

pub(super) const TOP: &str = "\
Examples:
  linnet top                 the keys are told by ?
  linnet top --interval 5s   asks less often";

pub(super) const DOCTOR: &str = "\
Examples:
  linnet doctor                          the list, a verdict, and the command to try next
  linnet doctor -o wide                  every subject, not one line a point
  linnet doctor -o json                  for scripts; the exit code is 1 where a point fails
  linnet doctor --config new.yaml        by another file where linnetd does not run";

pub(super) const CONFIG: &str = "\
Examples:
  linnet config check new.yaml                       every fault, with its place
  linnet config diff new.yaml                        what would change, and which sessions would end
  linnet config apply new.yaml --confirm-within 5m   taken back unless you say so:
  linnet config confirm
  linnet config show > running.yaml";

pub(super) const CONFIG_CHECK: &str = "\
Examples:
  linnet config check                    the file that linnetd reads at its start
  linnet config check new.yaml";

pub(super) const CONFIG_DIFF: &str = "\
Examples:
  linnet config diff                     what a reload would change
  linnet config diff new.yaml";

pub(super) const CONFIG_APPLY: &str = "\
Examples:
  linnet config apply new.yaml
  linnet config apply new.yaml --confirm-within 5m
  linnet config apply - < new.yaml";

pub(super) const CONFIG_FROM_BIRD: &str = "\
Examples:
  linnet config from-bird /etc/bird/bird.conf > linnet.yaml";

pub(super) const COMPLETION: &str = "\
Examples:
  source <(linnet completion bash)                   this shell; values come from the running linnetd
  linnet completion bash > /etc/bash_completion.d/linnet
  linnet completion zsh > /usr/share/zsh/site-functions/_linnet
  linnet completion fish > ~/.config/fish/completions/linnet.fish";

pub(super) const MAN: &str = "\
Examples:
  linnet man /usr/local/share/man/man1";

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory, Parser};

    use crate::cli::args::Cli;

    /// The lines of a command's help that begin with the program's name, without what explains them.
    fn examples(command: &Command) -> Vec<String> {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let lines = help.lines().filter_map(|line| line.strip_prefix("  linnet "));
        let typed = |line: &str| {
            let end = ["  ", " | ", " > ", " < "].iter().filter_map(|end| line.find(end)).min();
            format!("linnet {}", &line[..end.unwrap_or(line.len())])
        };
        lines.map(typed).collect()
    }

    fn each(command: &Command, check: &mut impl FnMut(&Command)) {
        check(command);
        command
            .get_subcommands()
            .filter(|within| within.get_name() != "help")
            .for_each(|within| each(within, check));
    }

    #[test]
    fn every_command_has_examples_that_can_be_typed() {
        let mut count = 0;
        each(&Cli::command(), &mut |command| {
            // What is complete in one word needs none.
            let simple = command.get_arguments().next().is_none() && !command.has_subcommands();
            let examples = examples(command);
            let part = command.get_name();
            assert!(simple || !examples.is_empty(), "{part} has no example");
            for line in examples {
                let parsed = Cli::try_parse_from(line.split(' '));
                assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
                count += 1;
            }
        });
        assert!(count > 50, "{count}");
    }
}
