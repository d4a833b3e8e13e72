//! Addresses that an agent hands to another: read as far as everybody reads them alike.

/// The host, with its port if one is said, of an `https` address that leads there and nowhere else.
/// SSRF (A2A-7, specification §13.2) lives from differences between readers, so user information, a
/// backslash, white space, percent-encoding and anything but ASCII in the authority are nobody's address.
pub(super) fn host(url: &str) -> Option<String> {
    let rest = strip_scheme(url, "https://")?;
    authority(rest)
}

/// What policy sees of the address of a file: scheme and authority of a web address, else the scheme.
/// `None`: several readers would make several things of it.
pub(super) fn place(url: &str) -> Option<String> {
    for scheme in ["https://", "http://"] {
        if let Some(rest) = strip_scheme(url, scheme) {
            return Some(format!("{scheme}{}", authority(rest)?));
        }
    }
    let (scheme, rest) = url.split_once(':')?;
    let letter = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
    let good = scheme.len() <= 32 && scheme.starts_with(|c: char| c.is_ascii_alphabetic());
    let scheme = scheme.to_ascii_lowercase();
    // `http:/host` and `https:host` are web addresses to browsers (WHATWG URL §4.4).
    let web = scheme == "http" || scheme == "https";
    let fine = good && !web && scheme.bytes().all(letter) && rest.bytes().all(is_visible);
    fine.then(|| format!("{scheme}:"))
}

/// `scheme://host[:port]`, and no more.
pub(super) fn is_origin(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| authority(rest).as_deref() == Some(rest))
}

fn strip_scheme<'u>(url: &'u str, scheme: &str) -> Option<&'u str> {
    let (head, rest) = url.split_at_checked(scheme.len())?;
    head.eq_ignore_ascii_case(scheme).then_some(rest)
}

fn authority(rest: &str) -> Option<String> {
    if !rest.bytes().all(is_visible) || rest.contains('\\') {
        return None;
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, _) = rest.split_at_checked(end)?;
    let authority = authority.to_ascii_lowercase();
    let (name, port) = match authority.rsplit_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (authority.as_str(), None),
    };
    let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.');
    let named = !name.is_empty() && name.len() <= MAX_HOST && name.bytes().all(letter);
    let number = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|n| n.to_string() == port));
    (named && number && !name.ends_with('.')).then_some(authority)
}

fn is_visible(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~')
}

/// RFC 1035 §2.3.4.
const MAX_HOST: usize = 253;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_one_that_all_readers_find() {
        for (url, expected) in [
            ("https://hooks.example/a?b#c", "hooks.example"),
            ("HTTPS://Hooks.Example:8443", "hooks.example:8443"),
            ("https://10.0.0.1/", "10.0.0.1"),
        ] {
            assert_eq!(host(url).as_deref(), Some(expected), "{url}");
        }
        for bad in [
            "",
            "http://hooks.example/",
            "https:hooks.example",
            "https:/hooks.example",
            "https://",
            "https:///x",
            "https://hooks.example@evil.example/",
            "https://evil.example\\@hooks.example/",
            "https://hooks.example\\.evil.example/",
            "https://hooks.example%2eevil.example/",
            "https://hooks.example:080/",
            "https://hooks.example:/",
            "https://hooks.example:99999/",
            "https://hooks.example./",
            "https://[::1]/",
            "https://hooks.example /",
            "https://hooks.example\t/",
            "https://höoks.example/",
            " https://hooks.example/",
        ] {
            assert_eq!(host(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn the_place_of_a_file_is_its_origin_or_its_scheme() {
        for (url, expected) in [
            ("https://files.example/x.png", Some("https://files.example")),
            ("http://Files.example:81/x", Some("http://files.example:81")),
            ("gs://bucket/x", Some("gs:")),
            ("data:text/plain,x", Some("data:")),
            ("http:/files.example", None),
            ("https:files.example", None),
            ("https://a@b/", None),
            ("file", None),
            ("1:x", None),
            ("a b:x", None),
        ] {
            assert_eq!(place(url).as_deref(), expected, "{url}");
        }
    }
}
