//! Filters and functions by name, and what a function's value is.

use std::cell::Cell;
use std::collections::HashMap;

use super::code::{Act, Code};
use super::condition::{Arguments, Cond, Scope, all, any, not};
use super::expr::Expr;
use super::ledger::{Id, Ledger};
use super::lex::Kind;
use super::tree::{Item, Statement};

/// A filter, or a function.
#[derive(Debug)]
pub(super) struct Function<'s> {
    pub(super) id: Id,
    pub(super) parameters: Vec<String>,
    pub(super) code: &'s [Code],
}

/// All of a file's.
#[derive(Debug, Default)]
pub(super) struct Functions<'s> {
    pub(super) filters: HashMap<String, Function<'s>>,
    pub(super) functions: HashMap<String, Function<'s>>,
    /// How deep functions call each other just now.
    depth: Cell<usize>,
    /// How many lines may yet be looked at for one value.
    steps: Cell<usize>,
}

/// Deeper calls are functions that call themselves.
const DEPTH: usize = 16;

/// A value that takes more lines to find out has too many ways to it.
const STEPS: usize = 10_000;

impl<'s> Functions<'s> {
    /// Takes a filter or function, if the statement is one; the last one of a name counts.
    pub(super) fn take(&mut self, statement: &'s Statement) {
        let words = statement.words();
        let (Some(code), [kind @ ("filter" | "function"), name, ..]) = (statement.code(), words.as_slice())
        else {
            return;
        };
        let function = Function { id: statement.id, parameters: parameters(&statement.items), code };
        let list = if *kind == "filter" { &mut self.filters } else { &mut self.functions };
        list.insert((*name).to_owned(), function);
    }

    /// The arguments of a call by the names that the function has for them.
    ///
    /// # Errors
    /// There is no such function, or it takes other arguments.
    pub(super) fn call(&self, name: &str, arguments: &[Expr]) -> Result<(&Function<'s>, Arguments), String> {
        let function = self
            .functions
            .get(name)
            .ok_or_else(|| format!("calls `{name}`, which linnet's policies do not have"))?;
        if function.parameters.len() != arguments.len() {
            return Err(format!(
                "calls `{name}` with {} arguments; it takes {}",
                arguments.len(),
                function.parameters.len()
            ));
        }
        Ok((function, function.parameters.iter().cloned().zip(arguments.iter().cloned()).collect()))
    }

    /// The condition under which a function's value is true.
    ///
    /// # Errors
    /// What of it has no counterpart.
    pub(super) fn value(&self, name: &str, arguments: &[Expr], scope: &Scope<'_>) -> Result<Cond, String> {
        let (function, arguments) = self.call(name, arguments)?;
        if self.depth.get() == 0 {
            self.steps.set(STEPS);
        }
        if self.depth.get() >= DEPTH {
            return Err(format!("calls `{name}`, which calls itself"));
        }
        self.depth.set(self.depth.get() + 1);
        let value = self.returned(&[function.code], &arguments, scope);
        self.depth.set(self.depth.get() - 1);
        value.map_err(|why| format!("calls `{name}`, which {why}"))
    }

    /// The value of some pieces of code, run one after the other.
    fn returned(&self, code: &[&[Code]], arguments: &Arguments, scope: &Scope<'_>) -> Result<Cond, String> {
        let steps = self.steps.get().checked_sub(1).ok_or("has too many ways to its value")?;
        self.steps.set(steps);
        let Some((first, rest)) = code.split_first() else {
            return Err("does not always return a value".into());
        };
        let Some((line, behind)) = first.split_first() else { return self.returned(rest, arguments, scope) };
        let then = |block| {
            let pieces: Vec<&[Code]> = [block, behind].into_iter().chain(rest.iter().copied()).collect();
            pieces
        };
        match &line.act {
            Act::Return(Some(value)) => scope.condition(&substituted(value, arguments)),
            Act::Print => self.returned(&then(&[]), arguments, scope),
            Act::Block(block) => self.returned(&then(block), arguments, scope),
            Act::If(branches, otherwise) => {
                let mut value = self.returned(&then(otherwise), arguments, scope);
                for (condition, block) in branches.iter().rev() {
                    let condition = scope.condition(&substituted(condition, arguments))?;
                    value = match condition {
                        Cond::Is(true) => self.returned(&then(block), arguments, scope),
                        Cond::Is(false) => value,
                        condition => {
                            let held = self.returned(&then(block), arguments, scope)?;
                            Ok(any(all(condition.clone(), held), all(not(condition), value?)))
                        }
                    };
                }
                value
            }
            _ => Err("does more than return a value".into()),
        }
    }
}

/// The names in the parentheses of `function name (int a; bool b)`: the last word before each `,`, `;` or `)`.
fn parameters(items: &[Item]) -> Vec<String> {
    let (mut names, mut last, mut within) = (Vec::new(), None, false);
    for item in items {
        let Item::Token(token) = item else { break };
        match &token.kind {
            Kind::Sign("(") => within = true,
            Kind::Sign("," | ";") if within => names.extend(last.take()),
            Kind::Sign(")") => {
                names.extend(last.take());
                break;
            }
            Kind::Word(word) if within => last = Some(word.clone()),
            _ => {}
        }
    }
    names
}

/// An expression in which parameters are their arguments.
pub(super) fn substituted(expr: &Expr, arguments: &Arguments) -> Expr {
    let of = |expr: &Expr| substituted(expr, arguments);
    let boxed = |expr: &Expr| Box::new(of(expr));
    let list = |list: &[Expr]| list.iter().map(of).collect();
    if arguments.is_empty() {
        return expr.clone();
    }
    match expr {
        Expr::Name(name) => arguments.get(name).unwrap_or(expr).clone(),
        Expr::Field(of, part) => Expr::Field(boxed(of), part.clone()),
        Expr::Call(name, arguments) => Expr::Call(name.clone(), list(arguments)),
        Expr::Method(of, name, arguments) => Expr::Method(boxed(of), name.clone(), list(arguments)),
        Expr::Not(inner) => Expr::Not(boxed(inner)),
        Expr::Binary(left, sign, right) => Expr::Binary(boxed(left), sign, boxed(right)),
        Expr::Logic(first, more) => {
            Expr::Logic(boxed(first), more.iter().map(|(sign, next)| (*sign, of(next))).collect())
        }
        Expr::Tuple(parts) => Expr::Tuple(list(parts)),
        Expr::Set(items) => Expr::Set(list(items)),
        other => other.clone(),
    }
}

/// Says of code, and of all in it, that it is in the configuration.
pub(super) fn carry(code: &[Code], ledger: &mut Ledger) {
    for line in code {
        match &line.act {
            Act::If(branches, otherwise) => {
                branches.iter().for_each(|(_, block)| carry(block, ledger));
                carry(otherwise, ledger);
            }
            Act::Block(block) => carry(block, ledger),
            _ => {}
        }
        ledger.carried(line.id);
    }
}
