//! The text format of Prometheus, which OpenMetrics readers take as well: families of samples.

use std::fmt::Write as _;

use engine::meters::{BOUNDS, Histogram};

/// What kind of measurement a family is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It goes up and down.
    Gauge,
    /// It only goes up, from each start.
    Counter,
    /// Durations by class.
    Histogram,
}

impl Kind {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Histogram => "histogram",
        }
    }
}

/// One measurement, whatever it is measured of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) help: &'static str,
}

/// A page of samples.
#[derive(Default)]
pub(super) struct Page {
    text: String,
    begun: Option<&'static str>,
}

/// The labels of a sample, with their values.
type Labels<'a> = &'a [(&'a str, &'a str)];

impl Page {
    /// The whole text.
    pub(super) fn into_text(self) -> String {
        self.text
    }

    /// Adds a sample. Those of one family follow each other.
    pub(super) fn add(&mut self, family: &Family, labels: Labels<'_>, value: f64) {
        self.begin(family);
        self.line(family.name, "", labels, value);
    }

    /// Adds the samples of a histogram.
    #[expect(clippy::cast_precision_loss, reason = "a count beyond 2^53 is none that we reach")]
    pub(super) fn add_histogram(&mut self, family: &Family, labels: Labels<'_>, of: &Histogram) {
        self.begin(family);
        let mut n = 0;
        let with_bound = |bound: &str| {
            let mut all: Vec<(String, String)> =
                labels.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
            all.push(("le".to_owned(), bound.to_owned()));
            all
        };
        for (bound, class) in BOUNDS.iter().zip(of.classes) {
            n += class;
            self.bucket(family.name, &with_bound(&bound.to_string()), n as f64);
        }
        self.bucket(family.name, &with_bound("+Inf"), of.n as f64);
        self.line(family.name, "_sum", labels, of.seconds);
        self.line(family.name, "_count", labels, of.n as f64);
    }

    fn bucket(&mut self, name: &str, labels: &[(String, String)], value: f64) {
        let labels: Vec<_> = labels.iter().map(|(name, value)| (&**name, &**value)).collect();
        self.line(name, "_bucket", &labels, value);
    }

    fn begin(&mut self, family: &Family) {
        if self.begun != Some(family.name) {
            self.begun = Some(family.name);
            let Family { name, kind, help } = family;
            // Writing to a text never fails.
            let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {}", kind.word());
        }
    }

    fn line(&mut self, name: &str, suffix: &str, labels: Labels<'_>, value: f64) {
        let text = &mut self.text;
        text.push_str(name);
        text.push_str(suffix);
        for (n, (name, value)) in labels.iter().enumerate() {
            let begin = if n == 0 { '{' } else { ',' };
            let value = value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
            let _ = write!(text, "{begin}{name}=\"{value}\"");
        }
        let _ = writeln!(text, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }
}
