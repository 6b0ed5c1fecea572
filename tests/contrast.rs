//! The colours of the page can be told apart by weak eyes: WCAG 2 AA, 4.5 to 1, for every text on every ground.
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
        // The tints of the map, at their strongest.
        for (tint, strength) in [("kept", 0.1), ("allowed", 0.4), ("known", 0.46), ("broken", 0.6)] {
            let ground = blend(colors[format!("tint-{tint}").as_str()], strength, colors["bg"]);
            assert!(
                contrast(colors["ink"], ground) >= 4.5,
                "ink on {tint}: {:.2}",
                contrast(colors["ink"], ground)
            );
        }
        let kept = blend(colors["tint-kept"], 0.1, colors["bg"]);
        assert!(
            contrast(colors["quiet"], kept) >= 4.5,
            "quiet on kept: {:.2}",
            contrast(colors["quiet"], kept)
        );
        // What is drawn and not written needs 3 to 1.
        for (mark, ground) in [("gone", "bg"), ("gone", "card"), ("accent", "bg")] {
            assert!(contrast(colors[mark], colors[ground]) >= 3.0, "{mark} on {ground}");
        }
    }
}
