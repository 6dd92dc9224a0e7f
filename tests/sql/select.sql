-- Each statement runs in dataux and in DuckDB on the same rows; both answers must be the same, in the same order.
select carrier, count(*) as n from ods.flights group by carrier order by carrier;
select origin, dest, count(*) as n, avg(air_time) as mean_air, min(dep_delay) as least, max(arr_delay) as most
from ods.flights group by origin, dest having count(*) > 3000 order by n desc, origin, dest;
select month, sum(case when dep_time is null then 1 else 0 end) as cancelled, count(tailnum) as with_tail
from ods.flights group by month order by month;
select distinct origin from ods.flights order by origin desc;
select tailnum, dep_delay from ods.flights where dep_delay is not null order by dep_delay desc, tailnum limit 20 offset 5;
select count(*) as n from ods.flights where tailnum is null or tailnum not in (select tailnum from ods.planes);
select carrier, flight from ods.flights where carrier in ('HA', 'OO') and month = 1 and day between 1 and 3 order by carrier, flight, day;
select upper(substr(name, 1, 5)) as short, length(name) as letters from ods.airlines order by name;
select coalesce(manufacturer, 'unknown') as made_by, count(*) as n from ods.planes group by 1 order by n desc, made_by limit 10;
select year, engines, seats from ods.planes where year is null and seats > 200 order by tailnum limit 15;
select round(avg(distance), 3) as mean, stddev_samp(distance) as deviation, count(distinct dest) as places from ods.flights;
select carrier, approx.n from (select carrier, count(*) as n from ods.flights where distance > 1000 group by carrier) as approx where n > 100 order by n, carrier;
select 7 % 4 as rest, -7.5 as negative, 1e3 as thousand, null as nothing, true and false as neither;
select cast('2013-02-28' as date) + interval '1 day' as next_day, extract(dow from date '2013-01-01') as weekday, date_trunc('month', timestamp '2013-05-17 10:11:12') as first;
select carrier, string_agg(origin, ',' order by origin) as origins from (select distinct carrier, origin from ods.flights) as pairs group by carrier order by carrier;
