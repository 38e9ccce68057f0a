//! The protocol: the steps of an invocation.

use crate::state::{
    Fault, Invocation, Item, MeetingId, Outcome, Request, Response, State, Step, WriteId,
};
use crate::{MediaPlane, Part, Protocol, TOKEN_WINDOW};

/// The maximum of every counter, because the number of states must be finite.
const MANY: u8 = 2;

/// What follows a step.
enum Next {
    Step(Step),
    Response(Outcome),
}

impl Protocol {
    fn has(&self, part: Part) -> bool {
        self.left_out != Some(part)
    }

    pub(crate) fn invoke(&self, state: &mut State, request: Request) {
        let now = state.clock;
        let is_returned = |id: &MeetingId| {
            let meeting = state.meetings[*id];
            meeting.is_returned && meeting.request == request && state.is_live(*id)
        };
        let has_ended = |id: &MeetingId| state.meetings[*id].has_ended;
        let returned_before = (0..state.meetings.len()).find(is_returned);
        let old = state.item.filter(|item| item.is_old(now));
        let ended_before = old.map(|item| item.meeting).filter(has_ended);
        let step = match self.media_plane {
            MediaPlane::Templates => {
                Step::Put { meeting: state.add_meeting(request, (None, None)), ended: None }
            }
            MediaPlane::ChimeSdkMeetings => Step::Read,
        };
        let write_id = state.invocations.len();
        let invocation = Invocation { write_id, request, now, step, returned_before, ended_before };
        state.invocations.push(Some(invocation));
    }

    pub(crate) fn take(
        &self,
        state: &mut State,
        id: WriteId,
        step: Step,
        fault: Fault,
    ) -> Option<()> {
        let by = state.invocations[id]?;
        let next = match step {
            Step::Read => read(state, by),
            Step::Check(item) => self.check(state, by, item, fault),
            Step::Create { ended } => self.create(state, by, ended, fault),
            Step::Put { meeting, ended } => self.put(state, by, meeting, ended, fault),
        };
        state.invocations[id] = match next {
            Next::Step(step) => Some(Invocation { step, ..by }),
            Next::Response(outcome) => {
                let response = Response { by, fault, outcome };
                if let Some(meeting) = response.returned() {
                    let meeting = &mut state.meetings[meeting];
                    meeting.is_returned = true;
                    if matches!(outcome, Outcome::Created(_)) {
                        meeting.creations = MANY.min(meeting.creations + 1);
                    }
                }
                state.response = Some(response);
                None
            }
        };
        Some(())
    }

    fn check(&self, state: &State, by: Invocation, item: Item, fault: Fault) -> Next {
        let has_reply = self.has(Part::Check) && fault == Fault::NoFault;
        if has_reply && state.meetings[item.meeting].has_ended {
            Next::Step(Step::Create { ended: Some(item.meeting) })
        } else {
            respond(by, item)
        }
    }

    fn create(
        &self,
        state: &mut State,
        by: Invocation,
        ended: Option<MeetingId>,
        fault: Fault,
    ) -> Next {
        let request = self.has(Part::RequestInT).then_some(by.request);
        let window = self.has(Part::TimeInT).then_some(by.now / TOKEN_WINDOW);
        let token = (request, window);
        let mut known = state.meetings.iter().rposition(|meeting| meeting.token == token);
        if fault == Fault::Forgotten {
            // A forgotten meeting that no invocation and no item has cannot matter any more. The new
            // one takes its place, which keeps the number of states small.
            known = known.filter(|id| {
                let has =
                    |it: Invocation| matches!(it.step, Step::Put { meeting, .. } if meeting == *id);
                state.meetings[*id].puts == 0 && !state.running().any(has)
            });
        }
        let meeting = known.unwrap_or_else(|| state.add_meeting(by.request, token));
        if fault == Fault::ResponseLost {
            return Next::Step(by.step);
        }
        Next::Step(Step::Put { meeting, ended })
    }

    fn put(
        &self,
        state: &mut State,
        by: Invocation,
        meeting: MeetingId,
        ended: Option<MeetingId>,
        fault: Fault,
    ) -> Next {
        let has_ended = |item: &Item| {
            let is_same = |ended| ended == item.meeting || !self.has(Part::EndedComparison);
            self.has(Part::EndedClause) && ended.is_some_and(is_same)
        };
        let rejects =
            |item: &Item| self.has(Part::Condition) && item.expires() > by.now && !has_ended(item);
        let rejected_by = state.item.filter(rejects);
        if rejected_by.is_none() {
            let Invocation { request, now, write_id, .. } = by;
            let item = Item { request, meeting, created: now, write_id };
            state.item = Some(item);
            let meeting = &mut state.meetings[meeting];
            meeting.puts = MANY.min(meeting.puts + 1);
            meeting.expires = item.expires();
        }
        if fault == Fault::ResponseLost {
            return Next::Step(by.step);
        }
        let is_own = |item: &Item| {
            if self.has(Part::WriteId) {
                item.write_id == by.write_id
            } else {
                item.meeting == meeting
            }
        };
        match rejected_by {
            Some(item) if self.has(Part::Rejection) && !is_own(&item) => respond(by, item),
            _ => Next::Response(Outcome::Created(meeting)),
        }
    }
}

fn read(state: &State, by: Invocation) -> Next {
    match state.item.filter(|item| item.expires() > by.now) {
        None => Next::Step(Step::Create { ended: None }),
        Some(item) if item.is_old(by.now) => Next::Step(Step::Check(item)),
        Some(item) => respond(by, item),
    }
}

/// The response that an item determines.
fn respond(by: Invocation, item: Item) -> Next {
    Next::Response(if by.request == item.request {
        Outcome::Replayed(item.meeting)
    } else {
        Outcome::Conflict
    })
}
