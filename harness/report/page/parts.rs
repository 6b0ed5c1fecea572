//! Script and style of the page, a file for each noun, in the order in which they are read.

/// One function around all of them: nothing leaks, and any of them may wait.
pub const SCRIPT: &[&str] = &[
    "\"use strict\";(async () => {\n",
    include_str!("../../../templates/script/words.js"),
    include_str!("../../../templates/script/elements.js"),
    include_str!("../../../templates/script/data.js"),
    include_str!("../../../templates/script/address.js"),
    include_str!("../../../templates/script/filter.js"),
    include_str!("../../../templates/script/colors.js"),
    include_str!("../../../templates/script/cells.js"),
    include_str!("../../../templates/script/map.js"),
    include_str!("../../../templates/script/paint.js"),
    include_str!("../../../templates/script/table.js"),
    include_str!("../../../templates/script/advice.js"),
    include_str!("../../../templates/script/policies.js"),
    include_str!("../../../templates/script/frontier.js"),
    include_str!("../../../templates/script/grid.js"),
    include_str!("../../../templates/script/sheet.js"),
    include_str!("../../../templates/script/timeline.js"),
    include_str!("../../../templates/script/exploration.js"),
    include_str!("../../../templates/script/trial.js"),
    include_str!("../../../templates/script/lanes.js"),
    include_str!("../../../templates/script/keys.js"),
    include_str!("../../../templates/script/paper.js"),
    include_str!("../../../templates/script/start.js"),
    "})();",
];

/// The dark palette is there twice, for who prefers it and for who asks for it, and the light one too: paper is light.
pub const STYLE: &[&str] = &[
    ":root{",
    include_str!("../../../templates/style/light.css"),
    "}@media (prefers-color-scheme:dark){:root:not([data-theme=light]){",
    include_str!("../../../templates/style/dark.css"),
    "}}:root[data-theme=dark]{",
    include_str!("../../../templates/style/dark.css"),
    "}",
    "@media print{:root:root:root{",
    include_str!("../../../templates/style/light.css"),
    "}}",
    include_str!("../../../templates/style/text.css"),
    include_str!("../../../templates/style/overview.css"),
    include_str!("../../../templates/style/grid.css"),
    include_str!("../../../templates/style/trial.css"),
    include_str!("../../../templates/style/narrow.css"),
    include_str!("../../../templates/style/print.css"),
];
