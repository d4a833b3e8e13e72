//! What somebody who misspelt a name probably meant.

/// The known name closest to a wrong one, if it is close: at most a third of it differs.
pub(super) fn nearest<'k>(wrong: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    if wrong.len() > LONGEST {
        return None;
    }
    let far = |name: &&str| distance(wrong, name);
    let near = known.filter(|name| name.len() <= LONGEST).min_by_key(far)?;
    let most = near.len().max(wrong.len()).div_ceil(3);
    (distance(wrong, near) <= most).then_some(near)
}

/// Levenshtein's distance in characters, one row at a time.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut left = i.saturating_add(1);
        let mut above_left = i;
        let mut next = vec![left];
        for (y, above) in b.chars().zip(row.iter().skip(1)) {
            let changed = above_left.saturating_add(usize::from(x != y));
            left = changed.min(above.saturating_add(1)).min(left.saturating_add(1));
            above_left = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

/// The work grows with the product of the lengths.
const LONGEST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_a_stranger_is_not() {
        let known = ["owner", "sponsor", "status", "valid_until"];
        let near = |wrong| nearest(wrong, known.into_iter());
        assert_eq!(near("onwer"), Some("owner"));
        assert_eq!(near("valid_untill"), Some("valid_until"));
        assert_eq!(near("colour"), None);
        assert_eq!(near(&"x".repeat(65)), None);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
    }
}
