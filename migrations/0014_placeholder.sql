-- 0014 placeholder: keeps the numbers without a gap. It changes nothing, and the step of this number takes its place.
SELECT 1;
