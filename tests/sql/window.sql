select carrier, month, n, rank() over (partition by month order by n desc, carrier) as place from
(select carrier, month, count(*) as n from ods.flights group by carrier, month) as monthly order by month, place;
select month, n, sum(n) over (order by month) as running, lag(n) over (order by month) as before, n - first_value(n) over (order by month) as gain
from (select month, count(*) as n from ods.flights group by month) as monthly order by month;
select origin, day, n, avg(n) over (partition by origin order by day rows between 2 preceding and current row) as smooth
from (select origin, day, count(*) as n from ods.flights where month = 3 group by origin, day) as daily order by origin, day;
select * from (select dest, distance, row_number() over (order by distance desc, dest) as place from (select distinct dest, distance from ods.flights) as far) as placed where place <= 10 order by place;
with ranked as (select tailnum, dep_delay, ntile(4) over (order by dep_delay, tailnum, flight, day) as quarter from ods.flights where month = 2 and dep_delay is not null)
select quarter, min(dep_delay) as least, max(dep_delay) as most, count(*) as n from ranked group by quarter order by quarter;
