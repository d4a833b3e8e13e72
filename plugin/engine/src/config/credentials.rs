//! What credentials are accepted besides access tokens: the sections about certificates and workloads.

use super::fields::{Members, Node, Problems};
use super::proofs;
use crate::credential::{CertificateRules, Rules};
use crate::trust::Issuer;

pub(super) fn read(
    members: &mut Members<'_>,
    issuers: &[Issuer],
    problems: &mut Problems,
) -> Option<Rules> {
    let certificates = members.maybe("client_certificates");
    let certificates = certificates.map(|node| certificates_section(&node, problems));
    let told = certificates.is_some();
    let binding = proofs::read(members, told, issuers, problems);
    let certificates = certificates.unwrap_or_else(|| Some(CertificateRules::default()))?;
    Some(Rules { certificates, binding })
}

fn certificates_section(node: &Node<'_>, problems: &mut Problems) -> Option<CertificateRules> {
    let members = node.members(problems)?;
    members.close(problems);
    Some(CertificateRules { connection: true })
}
