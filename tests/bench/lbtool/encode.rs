//! What the generator says: UPDATEs, encoded before any clock runs.
//!
//! MAC `i` is 02:0b:00 and `i` in three octets, the address beside it 10.128.0.0 + `i`, and VTEP `v` is 10.0.2.(v + 1).

pub const VTEPS: u32 = 0x0a00_0200;
pub const HOSTS: u32 = 0x0a80_0000;
/// More MACs than that nobody asks for; those beyond half of them are learnt, not told.
pub const MACS: usize = 1 << 21;

pub fn vtep(number: u32) -> u32 {
    VTEPS + 1 + number
}

pub fn mac(number: u32) -> [u8; 6] {
    let [_, a, b, c] = number.to_be_bytes();
    [0x02, 0x0b, 0, a, b, c]
}

/// A fabric of leaves behind a reflector, as far as its routes tell.
#[derive(Clone, Copy)]
pub struct Fabric {
    pub vteps: u32,
    pub vnis: u32,
    pub first_vni: u32,
    pub asn: u16,
    /// Each MAC with its address.
    pub with_ip: bool,
    /// Routes in a message; 0: as many as fit.
    pub pack: usize,
}

/// Messages, and how many they are.
#[derive(Default)]
pub struct Encoded {
    pub octets: Vec<u8>,
    pub messages: u64,
}

impl Encoded {
    /// One more UPDATE (RFC 4271 section 4.3).
    pub fn update(&mut self, withdrawn: &[u8], attributes: &[u8], nlri: &[u8]) {
        let length = 19 + 2 + withdrawn.len() + 2 + attributes.len() + nlri.len();
        assert!(length <= 4096, "a message of {length} octets");
        let out = &mut self.octets;
        out.extend_from_slice(&[0xff; 16]);
        out.extend_from_slice(&(length as u16).to_be_bytes());
        out.push(2);
        out.extend_from_slice(&(withdrawn.len() as u16).to_be_bytes());
        out.extend_from_slice(withdrawn);
        out.extend_from_slice(&(attributes.len() as u16).to_be_bytes());
        out.extend_from_slice(attributes);
        out.extend_from_slice(nlri);
        self.messages += 1;
    }
}

impl Fabric {
    /// The VTEP and the VNI of a MAC.
    pub fn place(&self, mac: u32) -> (u32, u32) {
        ((mac / self.vnis) % self.vteps, self.first_vni + mac % self.vnis)
    }

    /// Type 2 routes of so many MACs, each VTEP's and VNI's packed together, VTEPs taking turns; with `imet`
    /// everybody's Type 3 before them.
    pub fn routes(&self, macs: u32, withdraw: bool, imet: bool) -> Encoded {
        let mut out = Encoded::default();
        if imet && !withdraw {
            for vtep in 0..self.vteps {
                for vni in self.first_vni..self.first_vni + self.vnis {
                    self.imet(&mut out, vtep, vni);
                }
            }
        }
        let length = if self.with_ip { 39 } else { 35 };
        let full = length * if self.pack > 0 { self.pack } else { 3900 / length };
        let mut waiting: Vec<Vec<u8>> = vec![Vec::new(); (self.vteps * self.vnis) as usize];
        for number in 0..macs {
            let (vtep, vni) = self.place(number);
            let place = (vtep * self.vnis + vni - self.first_vni) as usize;
            self.mac_ip(&mut waiting[place], vtep, vni, number);
            if waiting[place].len() >= full {
                self.flush(&mut out, &mut waiting[place], place as u32, withdraw);
            }
        }
        for (place, nlri) in waiting.iter_mut().enumerate().filter(|(_, nlri)| !nlri.is_empty()) {
            self.flush(&mut out, nlri, place as u32, withdraw);
        }
        out
    }

    fn flush(&self, out: &mut Encoded, nlri: &mut Vec<u8>, place: u32, withdraw: bool) {
        let (vtep, vni) = (place / self.vnis, self.first_vni + place % self.vnis);
        let attributes = match withdraw {
            true => unreach(nlri),
            false => reach(self.attributes(vtep, vni, 0), vtep, nlri),
        };
        out.update(&[], &attributes, &[]);
        nlri.clear();
    }

    /// A MAC moves: its next VTEP announces it with the next sequence number. With `own_rd` that is another route, and
    /// the old VTEP withdraws its own, as on a real wire; without, the route keeps the RD and changes its next hop.
    pub fn moved(&self, out: &mut Encoded, at: &mut (u32, u32), number: u32, own_rd: bool) {
        let (from, sequence) = *at;
        let (to, (first, vni)) = ((from + 1) % self.vteps, self.place(number));
        *at = (to, sequence + 1);
        let mut nlri = Vec::new();
        self.mac_ip(&mut nlri, if own_rd { to } else { first }, vni, number);
        out.update(&[], &reach(self.attributes(to, vni, sequence + 1), to, &nlri), &[]);
        if own_rd {
            let mut gone = Vec::new();
            self.mac_ip(&mut gone, from, vni, number);
            out.update(&[], &unreach(&gone), &[]);
        }
    }

    /// RFC 7432 section 7.2.
    fn mac_ip(&self, out: &mut Vec<u8>, vtep: u32, vni: u32, number: u32) {
        out.extend_from_slice(&[2, if self.with_ip { 37 } else { 33 }]);
        rd(out, vtep, vni);
        out.extend_from_slice(&[0; 14]);
        out.push(48);
        out.extend_from_slice(&mac(number));
        if self.with_ip {
            out.push(32);
            out.extend_from_slice(&(HOSTS + number).to_be_bytes());
        } else {
            out.push(0);
        }
        out.extend_from_slice(&vni.to_be_bytes()[1..]);
    }

    /// RFC 7432 section 7.3, with the PMSI tunnel that asks for ingress replication.
    fn imet(&self, out: &mut Encoded, number: u32, vni: u32) {
        let mut nlri = vec![3, 17];
        rd(&mut nlri, number, vni);
        nlri.extend_from_slice(&[0, 0, 0, 0, 32]);
        nlri.extend_from_slice(&vtep(number).to_be_bytes());
        let mut attributes = self.attributes(number, vni, 0);
        attributes.extend_from_slice(&[0xc0, 22, 9, 0, 6]);
        attributes.extend_from_slice(&vni.to_be_bytes()[1..]);
        attributes.extend_from_slice(&vtep(number).to_be_bytes());
        out.update(&[], &reach(attributes, number, &nlri), &[]);
    }

    /// ORIGIN, AS_PATH, LOCAL_PREF, ORIGINATOR_ID, CLUSTER_LIST and the communities; MAC mobility where it has moved.
    fn attributes(&self, number: u32, vni: u32, sequence: u32) -> Vec<u8> {
        let mut attributes = vec![0x40, 1, 1, 0, 0x40, 2, 0, 0x40, 5, 4, 0, 0, 0, 100];
        attributes.extend_from_slice(&[0x80, 9, 4]);
        attributes.extend_from_slice(&vtep(number).to_be_bytes());
        attributes.extend_from_slice(&[0x80, 10, 4, 10, 0, 1, 254]);
        let mut communities = vec![0, 2];
        communities.extend_from_slice(&self.asn.to_be_bytes());
        communities.extend_from_slice(&vni.to_be_bytes());
        communities.extend_from_slice(&[3, 0x0c, 0, 0, 0, 0, 0, 8]);
        if sequence > 0 {
            communities.extend_from_slice(&[6, 0, 0, 0]);
            communities.extend_from_slice(&sequence.to_be_bytes());
        }
        attributes.extend_from_slice(&[0xc0, 16, communities.len() as u8]);
        attributes.extend_from_slice(&communities);
        attributes
    }
}

fn rd(out: &mut Vec<u8>, number: u32, vni: u32) {
    out.extend_from_slice(&[0, 1]);
    out.extend_from_slice(&vtep(number).to_be_bytes());
    out.extend_from_slice(&(vni as u16).to_be_bytes());
}

/// The attributes with MP_REACH_NLRI behind them.
fn reach(mut attributes: Vec<u8>, next_hop: u32, nlri: &[u8]) -> Vec<u8> {
    let [high, low] = ((2 + 1 + 1 + 4 + 1 + nlri.len()) as u16).to_be_bytes();
    attributes.extend_from_slice(&[0x90, 14, high, low, 0, 25, 70, 4]);
    attributes.extend_from_slice(&vtep(next_hop).to_be_bytes());
    attributes.push(0);
    attributes.extend_from_slice(nlri);
    attributes
}

fn unreach(nlri: &[u8]) -> Vec<u8> {
    let [high, low] = ((3 + nlri.len()) as u16).to_be_bytes();
    let mut attributes = vec![0x90, 15, high, low, 0, 25, 70];
    attributes.extend_from_slice(nlri);
    attributes
}
