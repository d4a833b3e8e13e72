//! What was measured of one thing, once per round.

/// At least one number per round; the order is that of the rounds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sample(pub(super) Vec<f64>);

impl Sample {
    pub(super) fn median(&self) -> f64 {
        self.at(0.5)
    }

    /// The first and the third quartile.
    pub(super) fn middle_half(&self) -> (f64, f64) {
        (self.at(0.25), self.at(0.75))
    }

    pub(super) fn map(&self, with: impl Fn(f64) -> f64) -> Self {
        Self(self.0.iter().copied().map(with).collect())
    }

    /// Round by round, so that what slowed a whole round down does not count.
    pub(super) fn minus(&self, other: &Self) -> Self {
        self.with(other, |a, b| a - b)
    }

    /// Likewise.
    pub(super) fn over(&self, other: &Self) -> Self {
        self.with(other, |a, b| a / b)
    }

    fn with(&self, other: &Self, of: impl Fn(f64, f64) -> f64) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| of(*a, *b)).collect())
    }

    /// Between the two numbers nearest to that part of the way from the least to the greatest.
    fn at(&self, part: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let place = part * sorted.len().saturating_sub(1) as f64;
        let at = |index: f64| sorted.get(index as usize).copied().unwrap_or(f64::NAN);
        at(place.floor()) + (at(place.ceil()) - at(place.floor())) * place.fract()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_and_the_middle_half_are_those_of_the_sorted_numbers() {
        let sample = Sample(vec![5.0, 1.0, 4.0, 2.0, 3.0]);
        assert_eq!((sample.median(), sample.middle_half()), (3.0, (2.0, 4.0)));
        assert_eq!(Sample(vec![1.0, 2.0]).median(), 1.5);
        assert_eq!(Sample(vec![7.0]).middle_half(), (7.0, 7.0));
        assert!(Sample::default().median().is_nan());
    }

    #[test]
    fn rounds_are_compared_with_themselves() {
        let (none, some) = (Sample(vec![10.0, 100.0]), Sample(vec![12.0, 110.0]));
        assert_eq!(some.minus(&none), Sample(vec![2.0, 10.0]));
        assert_eq!(some.minus(&none).over(&none), Sample(vec![0.2, 0.1]));
    }
}
