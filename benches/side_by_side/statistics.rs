//! Statistics of many measurements.

/// The quantile for `share` of the values, which must be sorted.
pub fn quantile(values: &[f64], share: f64) -> f64 {
    let index = (share * count(values.len().saturating_sub(1))).round();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is an index")]
    values.get(index as usize).copied().unwrap_or(f64::NAN)
}

/// The median and the quartiles of measurements.
pub struct Spread {
    pub median: f64,
    pub lower: f64,
    pub upper: f64,
}

impl Spread {
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let [lower, median, upper] = [0.25, 0.5, 0.75].map(|share| quantile(&values, share));
        Self { median, lower, upper }
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let places = f.precision().unwrap_or(1);
        let Self { median, lower, upper } = self;
        write!(f, "{median:.places$} ({lower:.places$}–{upper:.places$})")
    }
}

/// A count as a number to calculate with.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub const fn count(n: usize) -> f64 {
    n as f64
}

/// Several parts of one figure.
pub fn join(parts: &[f64], places: usize) -> String {
    let parts: Vec<_> = parts.iter().map(|part| format!("{part:.places$}")).collect();
    parts.join(" / ")
}
