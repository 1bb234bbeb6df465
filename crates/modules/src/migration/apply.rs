//! Runs a plan on a state.

use serde_json::Value;

use super::convert::convert;
use super::{Migration, MigrationAction, MigrationError, MigrationPlan, StatePath};

/// Runs the hops of a plan. Cost: linear in the state for each step.
///
/// # Errors
/// The first step or schema that fails, with its place in the state.
pub fn migrate(plan: &MigrationPlan, mut state: Value) -> Result<Value, MigrationError> {
    for hop in &plan.hops {
        hop.apply(&mut state)?;
    }
    Ok(state)
}

impl Migration {
    fn apply(&self, state: &mut Value) -> Result<(), MigrationError> {
        self.validate("before", self.before.as_ref(), state)?;
        for (step, what) in self.steps.iter().enumerate() {
            let failed = |(path, why): (&StatePath, String)| MigrationError::Step {
                from: self.from,
                step,
                path: path.pointer(),
                why,
            };
            match &what.each {
                None => what.action.apply(state).map_err(failed)?,
                Some(each) => match state.pointer_mut(each.as_str()) {
                    None => {}
                    Some(Value::Array(items)) => {
                        items.iter_mut().try_for_each(|item| what.action.apply(item)).map_err(failed)?;
                    }
                    Some(Value::Object(members)) => {
                        members
                            .values_mut()
                            .try_for_each(|member| what.action.apply(member))
                            .map_err(failed)?;
                    }
                    Some(_) => return Err(failed((each, "each needs an array or an object".to_owned()))),
                },
            }
        }
        self.validate("after", self.after.as_ref(), state)
    }

    fn validate(
        &self,
        moment: &'static str,
        schema: Option<&super::StateSchema>,
        state: &Value,
    ) -> Result<(), MigrationError> {
        let Some(schema) = schema else { return Ok(()) };
        let invalid = |(path, why)| MigrationError::Invalid { moment, from: self.from, path, why };
        schema.check(state).map_err(invalid)
    }
}

impl MigrationAction {
    fn apply(&self, state: &mut Value) -> Result<(), (&StatePath, String)> {
        match self {
            Self::Add { path, default } => {
                let at = |why| (path, why);
                let members = path.object(state).map_err(at)?;
                let members =
                    members.ok_or_else(|| (path, "the object to add it to is absent".to_owned()))?;
                members.entry(path.key()).or_insert_with(|| default.clone());
            }
            Self::Remove { path } => {
                path.take(state).map_err(|why| (path, why))?;
            }
            Self::Move { path, to } => {
                if let Some(value) = path.take(state).map_err(|why| (path, why))? {
                    to.put(state, value).map_err(|why| (to, why))?;
                }
            }
            Self::Convert { path, into } => {
                let members = path.object(state).map_err(|why| (path, why))?;
                if let Some(value) = members.and_then(|members| members.get_mut(path.key())) {
                    *value = convert(value, *into).map_err(|why| (path, why))?;
                }
            }
            Self::Split { path, separator, into } => split(state, path, separator, into)?,
            Self::Merge { paths, separator, to } => {
                let mut texts = Vec::with_capacity(paths.len());
                for path in paths {
                    match path.take(state).map_err(|why| (path, why))? {
                        None => {}
                        Some(Value::String(text)) => texts.push(text),
                        Some(_) => {
                            return Err((path, "merge needs texts; convert the value before".to_owned()));
                        }
                    }
                }
                if !texts.is_empty() {
                    to.put(state, Value::String(texts.join(separator))).map_err(|why| (to, why))?;
                }
            }
        }
        Ok(())
    }
}

/// The last name gets all the rest, so nothing of the text is lost; names without a part get an empty text.
fn split<'p>(
    state: &mut Value,
    path: &'p StatePath,
    separator: &str,
    into: &[String],
) -> Result<(), (&'p StatePath, String)> {
    let Some(value) = path.take(state).map_err(|why| (path, why))? else { return Ok(()) };
    let Value::String(text) = value else {
        return Err((path, "split needs a text; convert the value before".to_owned()));
    };
    let mut parts = text.splitn(into.len(), separator);
    for name in into {
        let part = parts.next().unwrap_or_default();
        let sibling = path.sibling(name);
        sibling
            .put(state, Value::String(part.to_owned()))
            .map_err(|why| (path, format!("{name:?}: {why}")))?;
    }
    Ok(())
}
