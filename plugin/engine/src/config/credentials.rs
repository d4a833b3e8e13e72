//! What credentials are accepted besides access tokens: the sections about certificates and workloads.

use super::fields::{Members, Node, Problems};
use crate::credential::{CertificateRules, Rules};

pub(super) fn read(members: &mut Members<'_>, problems: &mut Problems) -> Option<Rules> {
    let certificates = members.maybe("client_certificates");
    let certificates = certificates.map(|node| certificates_section(&node, problems));
    Some(Rules { certificates: certificates.unwrap_or_else(|| Some(CertificateRules::default()))? })
}

fn certificates_section(node: &Node<'_>, problems: &mut Problems) -> Option<CertificateRules> {
    let members = node.members(problems)?;
    members.close(problems);
    Some(CertificateRules { connection: true })
}
