//! EVPN by its public face: the rules of the RFCs one by one, and networks of nodes at random.

#[cfg(test)]
mod contenders;
mod contests;
#[cfg(test)]
mod duplicates;
#[cfg(test)]
mod flooding;
#[cfg(test)]
mod history;
#[cfg(test)]
mod hosts;
#[cfg(test)]
mod identity;
#[cfg(test)]
mod import;
#[cfg(test)]
mod mobility;
#[cfg(test)]
mod neighbors;
#[cfg(test)]
mod network;
#[cfg(test)]
mod node;
#[cfg(test)]
mod words;
#[cfg(test)]
mod world;
