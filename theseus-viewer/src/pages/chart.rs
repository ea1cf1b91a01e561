//! What was used over time, drawn as lines.

use std::fmt::Write as _;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};
use theseus_core::usage::{Point, Span, Subject};

use super::{address, words};
use crate::reads::Read;

/// The size of the drawing, in its own units.
const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 150.0;
/// Where the plot lies in it.
const LEFT: f64 = 66.0;
const RIGHT: f64 = WIDTH - 8.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = HEIGHT - 20.0;
/// How many lines there are across, at most.
const LEVELS: f64 = 4.0;
/// Into how many rows the table of a chart is put together.
const ROWS: i64 = 12;

/// What is drawn: a value for each point, and how much there might be.
struct Line {
    title: &'static str,
    value: fn(&Point) -> Option<f64>,
    limit: fn(&Point) -> Option<f64>,
    write: fn(f64) -> String,
    /// The steps between levels are such numbers times a power of this.
    base: f64,
}

const CPU: Line = Line {
    title: "Processors",
    value: |point| point.cpu,
    limit: |point| point.cpu_limit,
    write: words::number,
    base: 10.0,
};

#[expect(
    clippy::cast_precision_loss,
    reason = "nobody sees the last bytes of 2^53"
)]
const MEMORY: Line = Line {
    title: "Memory",
    value: |point| point.memory.map(|bytes| bytes as f64),
    limit: |point| point.memory_limit.map(|bytes| bytes as f64),
    write: words::bytes,
    base: 1024.0,
};

/// Both charts of a subject.
pub(super) fn pair(subject: &Subject, points: &Read<Point>, span: Span, now: Timestamp) -> Markup {
    html! {
        @match points {
            Err(reason) => div.empty { p { strong { "What it uses cannot be read." } } p.reason { (reason) } },
            Ok(points) if points.iter().all(|it| it.cpu.is_none() && it.memory.is_none()) => {
                p.soft { "Nothing is known of what it used. A registrar keeps that, and looks every ten seconds: "
                    code { "theseus registrar" } "." }
            }
            Ok(points) => div.charts { (one(&CPU, subject, points, span, now)) (one(&MEMORY, subject, points, span, now)) },
        }
    }
}

/// The choice of how far back charts go.
pub(super) fn spans(path: &str, kept: &[(&str, Option<&str>)], span: Span) -> Markup {
    let link = |name: &'static str, text: &'static str, it: Span| {
        let mut parameters = kept.to_vec();
        parameters.push(("span", Some(name)));
        let href = address::with_query(path, &parameters);
        html! { a href=(href) aria-current=[(it == span).then_some("true")] { (text) } }
    };
    html! {
        nav.choice aria-label="How far back" {
            (link("hour", "Hour", Span::Hour)) (link("week", "Week", Span::Week))
        }
    }
}

fn one(line: &Line, subject: &Subject, points: &[Point], span: Span, now: Timestamp) -> Markup {
    let values = || points.iter().filter_map(line.value);
    let limits = || points.iter().filter_map(line.limit);
    let last = values().next_back();
    let highest = values().chain(limits()).fold(0.0, f64::max);
    let step = level(highest.max(f64::MIN_POSITIVE), line.base);
    let top = (highest / step).ceil().max(1.0) * step;
    let frame = Frame::new(span, now, top);
    let label = format!("{} of {subject}, {}", line.title, told(line, points));
    html! {
        figure.chart {
            figcaption {
                strong { (line.title) }
                @if let Some(last) = last { " " span.last { ((line.write)(last)) } }
                @if let Some(limit) = limits().next_back() { span.soft { " of " ((line.write)(limit)) } }
            }
            svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(label) {
                (frame.levels(step, line.write))
                (frame.times())
                path.area d=(frame.area(points, line.value)) {}
                path.limit d=(frame.line(points, line.limit)) {}
                path.line d=(frame.line(points, line.value)) {}
            }
            ul.key {
                li { (sample("line")) " used" }
                @if limits().next().is_some() { li { (sample("limit")) " limit" } }
            }
            (table(line, points, &frame))
        }
    }
}

fn sample(class: &str) -> Markup {
    html! { svg.swatch width="16" height="8" viewBox="0 0 16 8" aria-hidden="true" { path.(class) d="M0 4h16" {} } }
}

/// What is drawn, in words.
fn told(line: &Line, points: &[Point]) -> String {
    let values: Vec<f64> = points.iter().filter_map(line.value).collect();
    let Some(last) = values.last() else {
        return "nothing known".to_owned();
    };
    let most = values.iter().copied().fold(0.0, f64::max);
    format!(
        "now {}, at most {}",
        (line.write)(*last),
        (line.write)(most)
    )
}

/// The same as numbers, for whoever does not see the drawing.
fn table(line: &Line, points: &[Point], frame: &Frame) -> Markup {
    let step = (frame.to - frame.from) / ROWS;
    let rows = (0..ROWS).filter_map(|index| {
        let from = frame.from + index * step;
        let inside = points
            .iter()
            .filter(|point| (from..from + step).contains(&point.at.as_second()));
        let values: Vec<f64> = inside.filter_map(line.value).collect();
        let most = values.iter().copied().reduce(f64::max)?;
        #[expect(clippy::cast_precision_loss, reason = "there are few")]
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        Some((from, mean, most))
    });
    html! {
        details {
            summary { "As a table" }
            table.small {
                caption.unseen { (line.title) }
                thead { tr { th scope="col" { "From" } th.number scope="col" { "Mean" } th.number scope="col" { "Peak" } } }
                tbody { @for (from, mean, most) in rows {
                    tr { th scope="row" { (frame.time(from)) } td.number { ((line.write)(mean)) } td.number { ((line.write)(most)) } }
                } }
            }
        }
    }
}

/// The step between two levels, so that there are about four of them: 1, 2 or 5 times a power of
/// ten, or a power of two where the unit is.
fn level(highest: f64, base: f64) -> f64 {
    let rough = highest / LEVELS;
    if base > 1000.0 {
        return 2.0_f64.powf(rough.log2().ceil());
    }
    let power = 10.0_f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0];
    let step = steps.into_iter().find(|step| step * power >= rough);
    step.unwrap_or(10.0) * power
}

/// What is where in a drawing.
struct Frame {
    /// The first second, and the one after the last.
    from: i64,
    to: i64,
    span: Span,
    /// The value at the upper edge.
    top: f64,
}

impl Frame {
    fn new(span: Span, now: Timestamp, top: f64) -> Self {
        let to = now.as_second();
        let length = match span {
            Span::Hour => 3600,
            Span::Week => 7 * 24 * 3600,
        };
        Self {
            from: to - length,
            to,
            span,
            top,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a week has few seconds")]
    fn x(&self, second: i64) -> f64 {
        let part = (second - self.from) as f64 / (self.to - self.from) as f64;
        LEFT + part.clamp(0.0, 1.0) * (RIGHT - LEFT)
    }

    fn y(&self, value: f64) -> f64 {
        BOTTOM - (value / self.top).clamp(0.0, 1.0) * (BOTTOM - TOP)
    }

    /// The points of one unbroken line after the other: where something is not known there is none.
    fn runs(&self, points: &[Point], value: fn(&Point) -> Option<f64>) -> Vec<Vec<(f64, f64)>> {
        let mut runs: Vec<Vec<(f64, f64)>> = Vec::new();
        let mut expected = None;
        for point in points {
            let at = point.at.as_second();
            let Some(value) = value(point) else {
                expected = None;
                continue;
            };
            let place = (self.x(at), self.y(value));
            let step = i64::from(point.step);
            // One that is missing may have been late; more than that is a gap.
            let goes_on = expected.is_some_and(|expected| at <= expected + step);
            match runs.last_mut() {
                Some(run) if goes_on => run.push(place),
                _ => runs.push(vec![place]),
            }
            expected = Some(at + step);
        }
        runs
    }

    fn line(&self, points: &[Point], value: fn(&Point) -> Option<f64>) -> String {
        let mut path = String::new();
        for run in self.runs(points, value) {
            trace(&mut path, &run);
            if let [(x, y)] = run.as_slice() {
                // A lone point is to be seen, too.
                let _ = write!(path, "M{:.1} {y:.1}h2", x - 1.0);
            }
        }
        path
    }

    fn area(&self, points: &[Point], value: fn(&Point) -> Option<f64>) -> String {
        let mut path = String::new();
        for run in self.runs(points, value) {
            trace(&mut path, &run);
            if let (Some((first, _)), Some((last, _))) = (run.first(), run.last()) {
                let _ = write!(path, "L{last:.1} {BOTTOM}L{first:.1} {BOTTOM}Z");
            }
        }
        path
    }

    /// The lines across, each with its value.
    fn levels(&self, step: f64, name: fn(f64) -> String) -> Markup {
        let levels = (0..=8_u32).map(|index| f64::from(index) * step);
        let levels = levels.take_while(|level| *level <= self.top * 1.001);
        html! {
            @for level in levels {
                @let y = format!("{:.1}", self.y(level));
                line.grid x1=(LEFT) x2=(RIGHT) y1=(y) y2=(y) {}
                text.tick x=(LEFT - 6.0) y=(y) dy="0.32em" text-anchor="end" { (name(level)) }
            }
        }
    }

    /// The marks of time.
    fn times(&self) -> Markup {
        let every = match self.span {
            Span::Hour => 600,
            Span::Week => 24 * 3600,
        };
        let first = self.from.div_euclid(every) * every + every;
        let marks = (0..).map(|index| first + index * every);
        // The last one would not fit under the edge.
        let marks = marks.take_while(|second| self.x(*second) < RIGHT - 16.0);
        html! {
            @for second in marks {
                @let x = format!("{:.1}", self.x(second));
                line.grid x1=(x) x2=(x) y1=(BOTTOM) y2=(BOTTOM + 4.0) {}
                text.tick x=(x) y=(HEIGHT - 4.0) text-anchor="middle" { (self.time(second)) }
            }
        }
    }

    /// A time, as far as it matters in this span.
    fn time(&self, second: i64) -> String {
        let at = Timestamp::from_second(second).unwrap_or_default();
        let at = at.to_zoned(TimeZone::UTC);
        match self.span {
            Span::Hour => at.strftime("%H:%M").to_string(),
            Span::Week => {
                let is_day = (to_midnight(second)).is_zero();
                let format = if is_day { "%a %d" } else { "%a %H:%M" };
                at.strftime(format).to_string()
            }
        }
    }
}

fn to_midnight(second: i64) -> SignedDuration {
    SignedDuration::from_secs(second.rem_euclid(24 * 3600))
}

fn trace(path: &mut String, run: &[(f64, f64)]) {
    for (index, (x, y)) in run.iter().enumerate() {
        let step = if index == 0 { 'M' } else { 'L' };
        // Writing to a string cannot fail.
        let _ = write!(path, "{step}{x:.1} {y:.1}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reads::Found;

    fn point(second: i64, cpu: Option<f64>) -> Point {
        Point {
            at: Timestamp::from_second(second).unwrap(),
            step: 10,
            cpu,
            cpu_limit: Some(2.0),
            throttled: None,
            memory: None,
            memory_limit: None,
        }
    }

    fn frame() -> Frame {
        Frame::new(Span::Hour, Timestamp::from_second(3600).unwrap(), 2.0)
    }

    #[test]
    fn a_line_breaks_where_nothing_is_known() {
        let points = [
            point(0, Some(0.0)),
            point(10, Some(1.0)),
            point(20, None),
            point(30, Some(1.0)),
            point(90, Some(2.0)),
        ];
        let runs = frame().runs(&points, |point| point.cpu);
        assert_eq!(runs.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1, 1]);
        assert_eq!(runs[0][0], (LEFT, BOTTOM));
        assert!((runs[2][0].1 - TOP).abs() < f64::EPSILON);
    }

    #[test]
    fn levels_are_round_numbers() {
        for (highest, base, expected) in [
            (2.0, 10.0, 0.5),
            (0.3, 10.0, 0.1),
            (7.9, 10.0, 2.0),
            (134_217_728.0, 1024.0, 33_554_432.0),
            (100_000_000.0, 1024.0, 33_554_432.0),
        ] {
            let step = level(highest, base);
            assert!(
                (step - expected).abs() < expected / 1e9,
                "{highest}: {step}"
            );
        }
    }

    #[test]
    fn a_chart_has_its_numbers_beside_it() {
        let points: Read<Point> =
            Ok(Found::new(vec![point(3580, Some(0.5)), point(3590, Some(1.5))]).into());
        let subject = Subject::Host("<h1>".into());
        let now = Timestamp::from_second(3600).unwrap();
        let drawn = pair(&subject, &points, Span::Hour, now).into_string();
        for text in [
            "&lt;h1&gt;, now 1.5, at most 1.5",
            "00:50",
            "<td class=\"number\">1.5</td>",
        ] {
            assert!(drawn.contains(text), "{text} in {drawn}");
        }
        assert!(!drawn.contains("style="), "{drawn}");
    }
}
