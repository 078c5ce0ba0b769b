//! The store as one would write it without any care for speed: a list of records, changed one call at a time.

use crate::json::{Json, Key, get, key, string};

/// The order of the known keys on disk.
const ORDER: [&str; 22] = [
    "id",
    "type",
    "promptPreview",
    "fullPrompt",
    "status",
    "startTime",
    "endTime",
    "error",
    "result",
    "resultFilePath",
    "rawStdoutFilePath",
    "metadata",
    "groupMetadata",
    "codeReviewMetadata",
    "discoveryMetadata",
    "codeReviewGroupMetadata",
    "structuredResult",
    "parentProcessId",
    "sdkSessionId",
    "backend",
    "workingDirectory",
    "conversationTurns",
];

pub type Fields = Vec<(Key, Json)>;

#[derive(Clone, Debug)]
pub struct Record {
    pub tag: Json,
    pub process: Fields,
    /// What else stands beside `workspaceId` and `process`.
    pub beside: Fields,
    /// The bytes in the file.
    pub bytes: String,
}

/// The dates that the histories use, and what they mean to retention and filters.
pub const DATES: [(&str, Option<i64>); 6] = [
    ("2026-01-01T00:00:00.000Z", Some(1_767_225_600_000)),
    ("2026-01-01T00:00:01.000Z", Some(1_767_225_601_000)),
    ("2026-01-02T00:00:00.000Z", Some(1_767_312_000_000)),
    ("-271821-04-20T00:00:00.000Z", Some(-8_640_000_000_000_000)),
    ("+275760-09-13T00:00:00.000Z", Some(8_640_000_000_000_000)),
    ("no date", None),
];

#[derive(Clone, Debug)]
pub enum Call {
    Put { fields: Fields, cap: Option<usize> },
    Merge { id: String, set: Fields, remove: Vec<String> },
    Remove { id: String },
    Clear { filter: Filter },
}

#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub workspace: Option<String>,
    pub statuses: Option<Vec<String>>,
    pub kind: Option<String>,
    pub parent: Option<String>,
    pub since: Option<i64>,
    pub until: Option<i64>,
    pub limit: Option<usize>,
    pub offset: usize,
}

#[derive(Clone, Debug, Default)]
pub struct Reference {
    pub records: Vec<Record>,
    /// The whole text of the file; `None` where there is none.
    pub file: Option<String>,
}

/// What a call did: how many records it touched, and whether it was refused.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    pub result: Result<usize, ()>,
    pub pruned: Vec<String>,
}

impl Record {
    pub fn id(&self) -> &str {
        get(&self.process, "id").and_then(Json::text).unwrap()
    }

    fn start(&self) -> Option<i64> {
        let text = get(&self.process, "startTime").and_then(Json::text);
        DATES.iter().find(|(date, _)| Some(*date) == text).and_then(|(_, start)| *start)
    }

    pub fn matches(&self, filter: &Filter) -> bool {
        let field = |name| get(&self.process, name).map(|value| value.text().map(str::to_owned));
        let kind = field("type").unwrap_or(Some("clarification".into()));
        let same = |wanted: &Option<String>, found: Option<String>| wanted.is_none() || *wanted == found;
        same(&filter.workspace, self.tag.text().map(str::to_owned))
            && same(&filter.kind, kind)
            && same(&filter.parent, field("parentProcessId").flatten())
            && filter.statuses.as_ref().is_none_or(|any| any.contains(&field("status").flatten().unwrap()))
            && filter.since.is_none_or(|since| self.start().is_some_and(|start| start >= since))
            && filter.until.is_none_or(|until| self.start().is_some_and(|start| start < until))
    }

    /// Writes the record anew, from its values.
    fn rewrite(&mut self) {
        self.process.sort_by_key(|(key, _)| ORDER.iter().position(|known| *known == key.name).unwrap_or(99));
        let mut entry = vec![
            (key("workspaceId"), self.tag.clone()),
            (key("process"), Json::Object(self.process.clone())),
        ];
        entry.extend(self.beside.clone());
        self.bytes = Json::Object(entry).pretty(1);
    }
}

fn tag(process: &Fields) -> Option<Json> {
    match get(process, "metadata") {
        Some(Json::Object(metadata)) => {
            get(metadata, "workspaceId").filter(|tag| tag.text().is_some()).cloned()
        }
        _ => None,
    }
}

impl Reference {
    /// Places of the records that a filter lists.
    pub fn select(&self, filter: &Filter) -> Vec<usize> {
        let all = (0..self.records.len()).filter(|&place| self.records[place].matches(filter));
        all.skip(filter.offset).take(filter.limit.unwrap_or(usize::MAX)).collect()
    }

    pub fn apply(&mut self, calls: &[Call]) -> Vec<Outcome> {
        let mut changed = false;
        let outcomes = calls.iter().map(|call| self.call(call, &mut changed)).collect();
        if changed {
            let records: Vec<&str> = self.records.iter().map(|record| &*record.bytes).collect();
            self.file = Some(match records.is_empty() {
                true => "[]".into(),
                false => format!("[\n  {}\n]", records.join(",\n  ")),
            });
        }
        outcomes
    }

    fn call(&mut self, call: &Call, changed: &mut bool) -> Outcome {
        let mut pruned = Vec::new();
        let result = match call {
            Call::Put { fields, cap } => self.put(fields).map(|()| {
                pruned = cap.map_or(Vec::new(), |cap| self.prune(cap));
                1
            }),
            Call::Merge { id, set, remove } => {
                let (result, wrote) = self.merge(id, set, remove);
                *changed |= wrote;
                return Outcome { result, pruned };
            }
            Call::Remove { id } => Ok(self.keep(|_, record| record.id() != id)),
            Call::Clear { filter } => {
                let listed = self.select(filter);
                Ok(self.keep(|place, _| !listed.contains(&place)))
            }
        };
        *changed |= matches!(result, Ok(1..));
        Outcome { result, pruned }
    }

    fn keep(&mut self, wanted: impl Fn(usize, &Record) -> bool) -> usize {
        let before = self.records.len();
        let mut place = 0;
        self.records.retain(|record| {
            place += 1;
            wanted(place - 1, record)
        });
        before - self.records.len()
    }

    fn put(&mut self, fields: &Fields) -> Result<(), ()> {
        let texts = ["id", "status", "startTime"].map(|name| get(fields, name).and_then(Json::text));
        if texts[0].is_none_or(str::is_empty) || texts[1].is_none_or(str::is_empty) || texts[2].is_none() {
            return Err(());
        }
        let mut record = Record {
            tag: tag(fields).unwrap_or(string("")),
            process: fields.clone(),
            beside: Vec::new(),
            bytes: String::new(),
        };
        record.rewrite();
        let id = record.id().to_owned();
        match self.records.iter().position(|other| other.id() == id) {
            Some(place) => {
                self.keep(|other, record| other <= place || record.id() != id);
                self.records[place] = record;
            }
            None => self.records.push(record),
        }
        Ok(())
    }

    /// How many records there were to merge into, and whether that has changed anything.
    fn merge(&mut self, id: &str, set: &Fields, remove: &[String]) -> (Result<usize, ()>, bool) {
        let Some(place) = self.records.iter().position(|record| record.id() == id) else {
            return (Ok(0), false);
        };
        let mut merged = self.records[place].clone();
        for name in remove {
            if ["id", "status", "startTime"].contains(&&**name) {
                return (Err(()), false);
            }
            merged.process.retain(|(key, _)| key.name != *name);
        }
        for (new, value) in set {
            let first = merged.process.iter().position(|(key, _)| key.name == new.name);
            let place = first.unwrap_or(merged.process.len());
            let mut others = 0;
            merged.process.retain(|(key, _)| {
                others += 1;
                others <= place || key.name != new.name
            });
            merged.process.insert(place, (new.clone(), value.clone()));
        }
        if get(&merged.process, "id").and_then(Json::text) != Some(id)
            || get(&merged.process, "status").and_then(Json::text).is_none_or(str::is_empty)
        {
            return (Err(()), false);
        }
        merged.tag = tag(&merged.process).unwrap_or(merged.tag);
        merged.rewrite();
        let wrote = bare(&merged.bytes) != bare(&self.records[place].bytes);
        if wrote {
            self.records[place] = merged;
        }
        (Ok(1), wrote)
    }

    /// Removes the oldest finished records while there are too many.
    fn prune(&mut self, cap: usize) -> Vec<String> {
        let mut pruned = Vec::new();
        while self.records.len() > cap {
            let finished = |record: &Record| {
                let status = get(&record.process, "status").and_then(Json::text);
                ["completed", "failed", "cancelled"].map(Some).contains(&status)
            };
            let oldest = (0..self.records.len())
                .filter(|&place| finished(&self.records[place]))
                .min_by_key(|&place| self.records[place].start().unwrap_or(i64::MIN));
            let Some(oldest) = oldest else { break };
            pruned.push(self.records.remove(oldest).id().to_owned());
        }
        pruned
    }
}

/// JSON text without white space between its tokens.
fn bare(text: &str) -> String {
    let (mut inside, mut escaped) = (false, false);
    let mut out = String::new();
    for char in text.chars() {
        if inside || !char.is_ascii_whitespace() {
            out.push(char);
        }
        inside ^= char == '"' && !escaped;
        escaped = inside && char == '\\' && !escaped;
    }
    out
}
