//! One number that was measured, and what it must not exceed.

use serde_json::{Map, Value, json};

use super::sample::Sample;

/// A figure.
pub(super) struct Figure {
    /// For programs; never reused for something else.
    pub(super) name: &'static str,
    /// For people.
    pub(super) says: &'static str,
    pub(super) value: f64,
    pub(super) unit: &'static str,
    /// The middle half of what was measured in the rounds.
    pub(super) spread: Option<(f64, f64)>,
    /// Not more than this.
    pub(super) bar: Option<f64>,
}

impl Figure {
    /// The median of the rounds.
    pub(super) fn of(
        name: &'static str,
        says: &'static str,
        sample: &Sample,
        unit: &'static str,
    ) -> Self {
        Self {
            name,
            says,
            value: sample.median(),
            unit,
            spread: Some(sample.middle_half()),
            bar: None,
        }
    }

    /// A number that is the same in every round.
    pub(super) fn exact(
        name: &'static str,
        says: &'static str,
        value: f64,
        unit: &'static str,
    ) -> Self {
        Self { name, says, value, unit, spread: None, bar: None }
    }

    pub(super) fn at_most(self, bar: f64) -> Self {
        Self { bar: Some(bar), ..self }
    }

    /// A figure without a bar misses none.
    pub(super) fn is_met(&self) -> bool {
        self.bar.is_none_or(|bar| self.value <= bar)
    }

    pub(super) fn shown(&self) -> String {
        number(self.value)
    }

    pub(super) fn spread_shown(&self) -> String {
        self.spread
            .map(|(low, high)| format!("{} – {}", number(low), number(high)))
            .unwrap_or_default()
    }

    pub(super) fn bar_shown(&self) -> String {
        self.bar.map(|bar| format!("≤ {bar:?}")).unwrap_or_default()
    }
}

/// One object, by name.
pub(super) fn to_json<'f>(figures: impl Iterator<Item = &'f Figure>) -> Value {
    let member = |figure: &Figure| {
        let (value, unit, bar) = (rounded(figure.value), figure.unit, figure.bar);
        (
            figure.name.to_owned(),
            json!({"value": value, "unit": unit, "bar": bar, "ok": figure.is_met()}),
        )
    };
    Value::Object(figures.map(member).collect::<Map<_, _>>())
}

/// Four digits say more than any of these measurements knows.
fn rounded(value: f64) -> f64 {
    number(value).parse().unwrap_or(value)
}

fn number(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 1000.0 => 0,
        size if size >= 100.0 => 1,
        size if size >= 10.0 => 2,
        _ => 3,
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_met_up_to_its_bar() {
        let figure = |value| Figure::exact("x", "X", value, "s").at_most(2.0);
        assert!(figure(2.0).is_met() && figure(-1.0).is_met());
        assert!(!figure(2.001).is_met());
        assert!(Figure::exact("x", "X", 9e9, "s").is_met());
    }

    #[test]
    fn programs_get_name_value_unit_bar_and_ok() {
        let figures = [
            Figure::exact("a", "A", 1.23456, "×").at_most(1.0),
            Figure::exact("b", "B", 12_345.6, "/s"),
        ];
        let expected = json!({
            "a": {"value": 1.235, "unit": "×", "bar": 1.0, "ok": false},
            "b": {"value": 12346.0, "unit": "/s", "bar": null, "ok": true},
        });
        assert_eq!(to_json(figures.iter()), expected);
    }
}
