//! From code to rules: what decides each route, in the order in which it is asked.
//!
//! BIRD runs a filter as a program; linnet walks a list in which the first rule that applies decides. So every way
//! through the program becomes a rule: the conditions that were met on the way, what was changed, and the verdict.
//!
//! - Conditions that were *not* met need no word: what met them was decided by a rule above. This is how `else`, `!`
//!   and whatever stands behind an `if` come out right without a `not`.
//! - Where an `if` only changes something, a rule that goes on (`next`) says it, in place of two ways for the rest.
//! - A line without a counterpart is left out and named; the rest is carried over.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::atom::{Atom, Guard, and};
use super::change::Changes;
use super::code::{Act, Code};
use super::condition::{Arguments, Cond, Origin, Scope, Way};
use super::expr::Expr;
use super::functions::{Functions, carry, substituted};
use super::ledger::{Id, Ledger};
use super::place::Place;

/// What becomes of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Accept,
    Reject,
    /// The next rule is asked.
    Next,
}

/// A way through a filter.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rule {
    pub(super) guard: Guard,
    pub(super) changes: Changes,
    pub(super) verdict: Verdict,
    /// Of the line that decides; `None`: the filter ended without a word, which refuses the route.
    pub(super) place: Option<Place>,
}

/// A policy takes 1000 statements.
const RULES: usize = 900;

/// More steps are too many ways.
const STEPS: usize = 50_000;

/// Functions in functions.
const FRAMES: usize = 32;

/// What a filter is understood in.
pub(super) struct Flow<'s, 'l> {
    way: Way,
    functions: &'s Functions<'s>,
    protocols: &'s HashMap<String, Origin>,
    ledger: &'l mut Ledger,
    rules: Vec<Rule>,
    /// Ways that are still to be walked, the next one last.
    open: Vec<(Then<'s>, Walked)>,
}

/// That a filter has more ways through it than a policy may have statements.
#[derive(Debug)]
pub(super) struct TooMany;

/// What is still to be run on a way.
enum Rest<'s> {
    Verdict(Verdict, Option<Place>),
    Code {
        code: &'s [Code],
        arguments: Rc<Arguments>,
        depth: usize,
        then: Rc<Rest<'s>>,
    },
    /// Here a function ends, where `return` goes on.
    Returned(Rc<Rest<'s>>),
}

/// How a way goes on.
#[derive(Clone)]
enum Then<'s> {
    Run(Rc<Rest<'s>>),
    /// One way if the condition holds, and the other if it does not.
    Ask(Cond, Rc<Then<'s>>, Rc<Then<'s>>),
}

/// A way as far as it has been walked.
#[derive(Clone, Default)]
struct Walked {
    guard: Guard,
    /// Changes of which no rule speaks yet.
    pending: Changes,
    /// Keys of `match` whose values were changed.
    touched: HashSet<&'static str>,
    /// The `if` that was asked last: it is named if what it asks cannot be said.
    asked: Option<Id>,
}

impl<'s, 'l> Flow<'s, 'l> {
    pub(super) fn new(
        way: Way,
        functions: &'s Functions<'s>,
        protocols: &'s HashMap<String, Origin>,
        ledger: &'l mut Ledger,
    ) -> Flow<'s, 'l> {
        Flow { way, functions, protocols, ledger, rules: Vec::new(), open: Vec::new() }
    }

    /// The rules of some code. The last one, which has no guard, is for all routes that are left.
    pub(super) fn of_code(self, code: &'s [Code]) -> Result<Vec<Rule>, TooMany> {
        let end = Rc::new(Rest::Verdict(Verdict::Reject, None));
        let rest = Rest::Code { code, arguments: Rc::default(), depth: 0, then: end };
        self.walk(Then::Run(Rc::new(rest)))
    }

    /// The rules of `where CONDITION`.
    ///
    /// # Errors
    /// What of the condition has no counterpart.
    pub(super) fn of_condition(
        self,
        expr: &Expr,
        place: Place,
    ) -> Result<Result<Vec<Rule>, TooMany>, String> {
        let cond = self.understood(expr, &Walked::default())?;
        let [yes, no] = [Verdict::Accept, Verdict::Reject]
            .map(|verdict| Rc::new(Then::Run(Rc::new(Rest::Verdict(verdict, Some(place))))));
        Ok(self.walk(Then::Ask(cond, yes, no)))
    }

    fn walk(mut self, from: Then<'s>) -> Result<Vec<Rule>, TooMany> {
        self.open.push((from, Walked::default()));
        let mut steps = 0_usize;
        while let Some((then, walked)) = self.open.pop() {
            steps += 1;
            match then {
                Then::Ask(cond, yes, no) => self.ask(cond, &yes, &no, walked),
                Then::Run(rest) => steps += self.run(rest, walked),
            }
            if steps > STEPS || self.rules.len() > RULES {
                return Err(TooMany);
            }
        }
        Ok(without_needless(self.rules))
    }

    fn understood(&self, expr: &Expr, walked: &Walked) -> Result<Cond, String> {
        let scope = Scope {
            way: self.way,
            functions: self.functions,
            protocols: self.protocols,
            touched: &walked.touched,
        };
        scope.condition(expr)
    }

    /// Parts a way in two: first what meets the condition, then what is left.
    fn ask(&mut self, cond: Cond, yes: &Rc<Then<'s>>, no: &Rc<Then<'s>>, walked: Walked) {
        match cond {
            Cond::Is(true) => self.open.push((Then::clone(yes), walked)),
            Cond::Is(false) => self.open.push((Then::clone(no), walked)),
            Cond::Not(inner) => self.ask(*inner, no, yes, walked),
            Cond::Atom(atom) => self.ask_atom(&atom, yes, no, walked),
            Cond::All(list) => self.ask_each(
                list,
                walked,
                |rest| (Rc::new(Then::Ask(Cond::All(rest), yes.clone(), no.clone())), no.clone()),
                yes,
            ),
            Cond::Any(list) => self.ask_each(
                list,
                walked,
                |rest| (yes.clone(), Rc::new(Then::Ask(Cond::Any(rest), yes.clone(), no.clone()))),
                no,
            ),
        }
    }

    /// Asks the first of a list, and where that does not decide the rest; behind the last stands `last`.
    fn ask_each(
        &mut self,
        mut list: Vec<Cond>,
        walked: Walked,
        ways: impl Fn(Vec<Cond>) -> (Rc<Then<'s>>, Rc<Then<'s>>),
        last: &Rc<Then<'s>>,
    ) {
        if list.is_empty() {
            return self.open.push((Then::clone(last), walked));
        }
        let first = list.remove(0);
        let (yes, no) = ways(list);
        self.open.push((Then::Ask(first, yes, no), walked));
    }

    fn ask_atom(&mut self, atom: &Atom, yes: &Rc<Then<'s>>, no: &Rc<Then<'s>>, walked: Walked) {
        let implied = |guard: &Guard| *guard == walked.guard;
        match and(&walked.guard, atom) {
            Ok(Some(guard)) if implied(&guard) => self.open.push((Then::clone(yes), walked)),
            Ok(Some(guard)) => {
                self.open.push((Then::clone(no), walked.clone()));
                self.open.push((Then::clone(yes), Walked { guard, ..walked }));
            }
            Ok(None) => self.open.push((Then::clone(no), walked)),
            Err(why) => {
                // Left out as any other line that cannot be said.
                if let Some(id) = walked.asked {
                    self.ledger.dropped(id, why);
                }
                self.open.push((Then::clone(no), walked));
            }
        }
    }

    /// Runs lines up to one that decides or asks; says how many.
    fn run(&mut self, mut rest: Rc<Rest<'s>>, mut walked: Walked) -> usize {
        let mut steps = 0_usize;
        loop {
            steps += 1;
            let (line, behind, arguments, depth) = match &*rest {
                Rest::Verdict(verdict, place) => {
                    self.decide(*verdict, *place, &walked);
                    return steps;
                }
                Rest::Returned(then) => {
                    rest = then.clone();
                    continue;
                }
                Rest::Code { code, arguments, depth, then } => match code.split_first() {
                    None => {
                        rest = then.clone();
                        continue;
                    }
                    Some((line, behind)) => {
                        let behind = Rest::Code {
                            code: behind,
                            arguments: arguments.clone(),
                            depth: *depth,
                            then: then.clone(),
                        };
                        (line, Rc::new(behind), arguments.clone(), *depth)
                    }
                },
            };
            rest = match &line.act {
                Act::Accept | Act::Reject => {
                    self.ledger.carried(line.id);
                    let verdict =
                        if matches!(line.act, Act::Accept) { Verdict::Accept } else { Verdict::Reject };
                    self.decide(verdict, Some(line.place), &walked);
                    return steps;
                }
                Act::Block(code) => {
                    self.ledger.carried(line.id);
                    Rc::new(Rest::Code { code, arguments, depth, then: behind })
                }
                Act::Return(value) => {
                    self.returned(line, value.as_ref());
                    behind.caller()
                }
                Act::If(branches, otherwise) => {
                    match self.branches(line, branches, otherwise, &arguments, depth, &behind, &mut walked) {
                        Some(then) => {
                            self.open.push((then, walked));
                            return steps;
                        }
                        None => behind,
                    }
                }
                Act::Call(Expr::Call(name, values)) => {
                    let values: Vec<Expr> =
                        values.iter().map(|value| substituted(value, &arguments)).collect();
                    self.call(line, name, &values, depth, behind)
                }
                _ => {
                    self.change(line, &arguments, &mut walked.pending);
                    walked.touched.extend(walked.pending.touched());
                    behind
                }
            };
        }
    }

    fn decide(&mut self, verdict: Verdict, place: Option<Place>, walked: &Walked) {
        let changes = if verdict == Verdict::Reject { Changes::default() } else { walked.pending.clone() };
        let decided = |rule: &Rule| rule.verdict != Verdict::Next && rule.guard == walked.guard;
        if !self.rules.iter().any(decided) {
            self.rules.push(Rule { guard: walked.guard.clone(), changes, verdict, place });
        }
    }

    fn returned(&mut self, line: &Code, value: Option<&Expr>) {
        match value {
            None => self.ledger.carried(line.id),
            Some(_) => self.ledger.dropped(line.id, "returns a value that nobody asked for"),
        }
    }

    /// Runs a function's code in place of its call.
    fn call(
        &mut self,
        line: &Code,
        name: &str,
        values: &[Expr],
        depth: usize,
        behind: Rc<Rest<'s>>,
    ) -> Rc<Rest<'s>> {
        if depth >= FRAMES {
            self.ledger.dropped(line.id, format!("calls `{name}`, which calls itself"));
            return behind;
        }
        let functions = self.functions;
        match functions.call(name, values) {
            Ok((function, arguments)) => {
                self.ledger.carried(line.id);
                self.ledger.carried(function.id);
                let then = Rc::new(Rest::Returned(behind));
                Rc::new(Rest::Code {
                    code: function.code,
                    arguments: Rc::new(arguments),
                    depth: depth + 1,
                    then,
                })
            }
            Err(why) => {
                self.ledger.dropped(line.id, why);
                behind
            }
        }
    }

    /// How an `if` goes on; `None` where it has been done with, or left out.
    #[expect(clippy::too_many_arguments, reason = "it is a part of `run`, whose state these are")]
    fn branches(
        &mut self,
        line: &'s Code,
        branches: &'s [(Expr, Vec<Code>)],
        otherwise: &'s [Code],
        arguments: &Rc<Arguments>,
        depth: usize,
        behind: &Rc<Rest<'s>>,
        walked: &mut Walked,
    ) -> Option<Then<'s>> {
        let mut conditions = Vec::new();
        for (expr, _) in branches {
            match self.understood(&substituted(expr, arguments), walked) {
                Ok(cond) => conditions.push(cond),
                Err(why) => {
                    self.ledger.dropped(line.id, why);
                    return None;
                }
            }
            self.carry_functions(expr);
        }
        self.ledger.carried(line.id);
        walked.asked = Some(line.id);
        if let ([cond], [(_, block)], []) = (conditions.as_slice(), branches, otherwise)
            && self.only_changes(cond, block, arguments, walked)
        {
            return None;
        }
        let block = |code| {
            let rest = Rest::Code { code, arguments: arguments.clone(), depth, then: behind.clone() };
            Rc::new(Then::Run(Rc::new(rest)))
        };
        let mut then = block(otherwise);
        for (cond, (_, code)) in conditions.into_iter().zip(branches).rev() {
            then = Rc::new(Then::Ask(cond, block(code), then));
        }
        Some(Then::clone(&then))
    }

    /// Says an `if` that only changes something in a rule that goes on; whether that could be done.
    fn only_changes(
        &mut self,
        cond: &Cond,
        block: &'s [Code],
        arguments: &Arguments,
        walked: &mut Walked,
    ) -> bool {
        let atoms: Vec<&Atom> = match cond {
            Cond::Atom(atom) => vec![atom],
            Cond::All(list) => {
                let atoms = list.iter().map(|cond| match cond {
                    Cond::Atom(atom) => Some(atom),
                    _ => None,
                });
                let Some(atoms) = atoms.collect() else { return false };
                atoms
            }
            _ => return false,
        };
        let Some(place) = block.first().map(|line| line.place) else { return false };
        let changes_only =
            |line: &Code| matches!(line.act, Act::Print) || Changes::default().apply(&line.act).is_some();
        if !block.iter().all(changes_only) {
            return false;
        }
        let guard = atoms.iter().try_fold(Some(walked.guard.clone()), |guard, atom| match guard {
            Some(guard) => and(&guard, atom),
            None => Ok(None),
        });
        let Ok(guard) = guard else { return false };
        let mut changes = Changes::default();
        block.iter().for_each(|line| self.change(line, arguments, &mut changes));
        let Some(guard) = guard else { return true };
        if changes.is_empty() {
            return true;
        }
        let pending = std::mem::take(&mut walked.pending);
        if !pending.is_empty() {
            let guard = walked.guard.clone();
            self.rules.push(Rule { guard, changes: pending, verdict: Verdict::Next, place: Some(place) });
        }
        walked.touched.extend(changes.touched());
        self.rules.push(Rule { guard, changes, verdict: Verdict::Next, place: Some(place) });
        true
    }

    /// A line that changes something, or one that has no counterpart.
    fn change(&mut self, line: &Code, arguments: &Arguments, changes: &mut Changes) {
        let act = match &line.act {
            Act::Print => {
                return self
                    .ledger
                    .needless(line.id, "`linnet explain` and `linnet monitor` show what was decided");
            }
            Act::Other(fault) => {
                let reason = fault.as_ref().map(|fault| fault.message.as_str()).unwrap_or("it is unknown");
                let instead = format!(
                    "is code that is not carried over: {reason}; write it as a statement of the policy (docs/policy.md)"
                );
                return self.ledger.dropped(line.id, instead);
            }
            Act::Assign(target, value) => Act::Assign(target.clone(), substituted(value, arguments)),
            Act::Call(call) => Act::Call(substituted(call, arguments)),
            Act::Unset(what) => Act::Unset(what.clone()),
            _ => return self.ledger.dropped(line.id, "is code that does nothing here"),
        };
        let before = changes.clone();
        match changes.apply(&act) {
            Some(Ok(())) => self.ledger.carried(line.id),
            Some(Err(why)) => {
                *changes = before;
                self.ledger.dropped(line.id, why);
            }
            None => self.ledger.dropped(line.id, "is code that does nothing here"),
        }
    }

    /// Functions whose values a condition asks for are in the configuration with it.
    fn carry_functions(&mut self, expr: &Expr) {
        match expr {
            Expr::Call(name, arguments) => {
                arguments.iter().for_each(|argument| self.carry_functions(argument));
                if let Some(function) = self.functions.functions.get(name) {
                    self.ledger.carried(function.id);
                    carry(function.code, self.ledger);
                }
            }
            Expr::Not(inner) => self.carry_functions(inner),
            Expr::Logic(first, more) => {
                self.carry_functions(first);
                more.iter().for_each(|(_, next)| self.carry_functions(next));
            }
            _ => {}
        }
    }
}

/// The rules without those behind which one stands that does the same, and for more routes.
pub(super) fn without_needless(rules: Vec<Rule>) -> Vec<Rule> {
    let mut kept: Vec<Rule> = Vec::new();
    for rule in rules.into_iter().rev() {
        let same = |next: &Rule| {
            rule.verdict != Verdict::Next
                && (next.verdict, &next.changes) == (rule.verdict, &rule.changes)
                && next.guard.iter().all(|atom| rule.guard.contains(atom))
        };
        if !kept.last().is_some_and(same) {
            kept.push(rule);
        }
    }
    kept.reverse();
    kept
}

impl<'s> Rest<'s> {
    /// Where a `return` goes on: behind the call, or at the end of the filter.
    fn caller(self: Rc<Self>) -> Rc<Rest<'s>> {
        let mut rest = self;
        loop {
            rest = match &*rest {
                Rest::Code { then, .. } => then.clone(),
                Rest::Returned(then) => return then.clone(),
                Rest::Verdict(..) => return rest,
            };
        }
    }
}
