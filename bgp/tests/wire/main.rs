//! The wire format from outside: what is written can be read again, what is wrong is answered as the RFCs
//! say, and nothing that comes in can do harm.

#[cfg(test)]
mod generate;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod message;
#[cfg(test)]
mod open;
#[cfg(test)]
mod rfc7606;
#[cfg(test)]
mod round_trip;
#[cfg(test)]
#[path = "../vectors/mod.rs"]
mod vector;
#[cfg(test)]
mod vectors;
#[cfg(test)]
mod verdicts;
