const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];
const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];

/** Python's `strftime` in the C locale, as models saw it in training; local time. Unknown directives stay as they are. */
export function strftime(format: string, wallMs: number): string {
  const date = new Date(wallMs);
  const month = MONTHS[date.getMonth()] ?? '';
  const day = DAYS[date.getDay()] ?? '';
  const hour12 = date.getHours() % 12 === 0 ? 12 : date.getHours() % 12;
  const values: Record<string, string> = {
    Y: String(date.getFullYear()),
    y: pad(date.getFullYear() % 100),
    m: pad(date.getMonth() + 1),
    d: pad(date.getDate()),
    e: String(date.getDate()).padStart(2, ' '),
    B: month,
    b: month.slice(0, 3),
    A: day,
    a: day.slice(0, 3),
    H: pad(date.getHours()),
    I: pad(hour12),
    M: pad(date.getMinutes()),
    S: pad(date.getSeconds()),
    p: date.getHours() < 12 ? 'AM' : 'PM',
    j: pad(
      Math.round(
        (Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) - Date.UTC(date.getFullYear(), 0, 1)) / 86_400_000,
      ) + 1,
      3,
    ),
    Z: '',
    F: `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`,
    T: `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`,
    '%': '%',
  };
  return format.replaceAll(/%(-?)([A-Za-z%])/g, (directive, unpadded: string, letter: string) => {
    const value = values[letter];
    if (value === undefined) return directive;
    return unpadded === '-' ? value.replace(/^[0 ]+(?=.)/, '') : value;
  });
}

function pad(value: number, width = 2): string {
  return String(value).padStart(width, '0');
}
