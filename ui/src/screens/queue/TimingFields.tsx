// When a schedule comes: every so often, or by cron in a time zone.

import type { ReactNode } from "react";

import { Field } from "../../components/Field";

import { type Timing, type Unit, UNIT_SECONDS } from "../../text/schedule";

interface Props {
  readonly timing: Timing;
  readonly onChange: (timing: Timing) => void;
}

const UNITS: readonly Unit[] = ["minutes", "hours", "days"];

export function TimingFields({ timing, onChange }: Props): ReactNode {
  return (
    <fieldset className="stack">
      <legend>When</legend>
      <div className="row">
        <label className="chk">
          <input
            type="radio"
            name="when"
            checked={timing.kind === "interval"}
            onChange={() => onChange({ ...timing, kind: "interval" })}
          />
          Every so often
        </label>
        <label className="chk">
          <input type="radio" name="when" checked={timing.kind === "cron"} onChange={() => onChange({ ...timing, kind: "cron" })} />
          By cron
        </label>
      </div>
      {timing.kind === "interval" ? (
        <IntervalFields timing={timing} onChange={onChange} />
      ) : (
        <CronFields timing={timing} onChange={onChange} />
      )}
    </fieldset>
  );
}

function IntervalFields({ timing, onChange }: Props): ReactNode {
  const { interval } = timing;
  return (
    <div className="row">
      <span className="sm">Every</span>
      <input
        className="in small num amount"
        type="number"
        min={10 / UNIT_SECONDS[interval.unit]}
        step="any"
        required
        aria-label="How many"
        value={Number.isNaN(interval.amount) ? "" : interval.amount}
        onChange={(event) => onChange({ ...timing, interval: { ...interval, amount: event.target.valueAsNumber } })}
      />
      <select
        className="in small"
        aria-label="Unit"
        value={interval.unit}
        onChange={(event) => {
          const unit = UNITS.find((each) => each === event.target.value) ?? "days";
          onChange({ ...timing, interval: { ...interval, unit } });
        }}
      >
        {UNITS.map((unit) => (
          <option key={unit}>{unit}</option>
        ))}
      </select>
    </div>
  );
}

function CronFields({ timing, onChange }: Props): ReactNode {
  return (
    <div className="row top">
      <Field label="Cron" hint="Minute, hour, day of month, month, day of week.">
        {(field) => (
          <input
            {...field}
            className="in mono"
            required
            spellCheck={false}
            value={timing.cron}
            onChange={(event) => onChange({ ...timing, cron: event.target.value })}
          />
        )}
      </Field>
      <Field label="Time zone">
        {(field) => (
          <input
            {...field}
            className="in"
            required
            spellCheck={false}
            value={timing.timeZone}
            onChange={(event) => onChange({ ...timing, timeZone: event.target.value })}
          />
        )}
      </Field>
    </div>
  );
}
