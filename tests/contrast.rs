//! The colours of the pages can be told apart by weak eyes: WCAG 2 AA, 4.5 to 1 for every text on every ground, and 3 to 1
//! for what is drawn and says something.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

type Rgb = [f64; 3];

fn palette(css: &str) -> BTreeMap<&str, Rgb> {
    let color = |value: &str| -> Option<Rgb> {
        let channels: Vec<f64> = match value.strip_prefix('#') {
            Some(hex) => {
                let hex =
                    if hex.len() == 3 { hex.chars().flat_map(|c| [c, c]).collect() } else { hex.to_owned() };
                (0..3).map(|n| f64::from(u8::from_str_radix(&hex[2 * n..2 * n + 2], 16).unwrap())).collect()
            }
            None => value.split(',').map(|channel| channel.parse().unwrap()).collect(),
        };
        channels.try_into().ok()
    };
    let lines = css.trim().split(';').filter_map(|line| line.trim().strip_prefix("--")?.split_once(':'));
    lines.map(|(name, value)| (name, color(value).unwrap())).collect()
}

fn luminance(color: Rgb) -> f64 {
    let linear = |channel: f64| {
        let share = channel / 255.0;
        if share <= 0.03928 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * linear(color[0]) + 0.7152 * linear(color[1]) + 0.0722 * linear(color[2])
}

fn contrast(one: Rgb, other: Rgb) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

fn blend(over: Rgb, strength: f64, under: Rgb) -> Rgb {
    std::array::from_fn(|n| over[n] * strength + under[n] * (1.0 - strength))
}

#[test]
fn every_text_stands_out_from_its_ground_in_light_and_dark() {
    for css in [include_str!("../templates/style/light.css"), include_str!("../templates/style/dark.css")] {
        let colors = palette(css);
        for text in ["ink", "quiet", "kept", "broken", "known", "weak", "grey", "accent"] {
            for ground in ["bg", "card", "soft", "sel"] {
                let ratio = contrast(colors[text], colors[ground]);
                assert!(ratio >= 4.5, "{text} on {ground}: {ratio:.2}");
            }
        }
        // The tints of the map, at their strongest, bear text.
        for (tint, strength) in strengths() {
            let ground = blend(colors[format!("tint-{tint}").as_str()], strength, colors["bg"]);
            let text = if tint == "kept" { "quiet" } else { "ink" };
            let ratio = contrast(colors[text], ground);
            assert!(ratio >= 4.5, "{text} on {tint}: {ratio:.2}");
        }
        // What is drawn and not written, on every ground that it is drawn on: `grain` is the line between a loss and what it
        // is a part of, and the bars of the map stand on a strip of the page's own ground.
        for (mark, grounds) in [
            ("gone", &["bg", "card", "soft", "grain", "sel"][..]),
            ("wave", &["bg", "soft", "grain"]),
            ("sent", &["bg", "soft", "wave"]),
            ("weak", &["bg", "soft"]),
            ("edge", &["bg", "soft"]),
            ("calm", &["bg"]),
            ("known", &["bg"]),
            ("broken", &["bg", "soft"]),
            ("accent", &["bg", "card"]),
        ] {
            for ground in grounds {
                let ratio = contrast(colors[mark], colors[*ground]);
                assert!(ratio >= 3.0, "{mark} on {ground}: {ratio:.2}");
            }
        }
    }
}

/// How strong each tint of the map gets, read from the script that draws it.
fn strengths() -> BTreeMap<&'static str, f64> {
    let script = include_str!("../templates/script/paint.js");
    let table = script.split_once("const STRENGTH = {").unwrap().1.split_once("};").unwrap().0;
    let strengths: BTreeMap<_, _> = table
        .split("],")
        .map(|entry| {
            let (kind, range) = entry.split_once(": [").unwrap();
            let most = range.split(',').nth(1).unwrap().trim_matches([' ', ']']);
            (kind.trim(), most.parse().unwrap())
        })
        .collect();
    assert_eq!(strengths.len(), 4, "{strengths:?}");
    strengths
}

#[test]
fn no_page_has_colours_beside_the_palette() {
    for (name, text) in [
        ("diff.html", include_str!("../templates/diff.html")),
        ("text.css", include_str!("../templates/style/text.css")),
        ("overview.css", include_str!("../templates/style/overview.css")),
        ("grid.css", include_str!("../templates/style/grid.css")),
        ("trial.css", include_str!("../templates/style/trial.css")),
        ("narrow.css", include_str!("../templates/style/narrow.css")),
    ] {
        let hex = |rest: &str| rest.chars().take_while(char::is_ascii_hexdigit).count();
        let colors: Vec<_> = text
            .match_indices([':', ' ', ','])
            .filter_map(|(at, _)| text[at + 1..].strip_prefix('#'))
            .filter(|rest| [3, 6].contains(&hex(rest)))
            .collect();
        assert!(colors.is_empty(), "{name}: {colors:?}");
    }
}
