select a.name, count(*) as flights from ods.flights f join ods.airlines a on f.carrier = a.carrier group by a.name order by flights desc, a.name;
select f.origin, p.manufacturer, avg(p.seats) as seats, count(*) as n from ods.flights f left join ods.planes p on f.tailnum = p.tailnum
group by f.origin, p.manufacturer order by n desc, f.origin, p.manufacturer nulls last limit 25;
select count(*) as n from ods.flights f where exists (select 1 from ods.airports a where a.faa = f.dest and a.alt > 5000);
select count(*) as n from ods.flights f where not exists (select 1 from ods.airports a where a.faa = f.dest);
select a.faa, a.name from ods.airports a full join (select distinct dest from ods.flights) d on a.faa = d.dest where a.faa is null or d.dest is null order by a.faa nulls last, a.name limit 30;
select f.month, max(w.wind_speed) as gusty, avg(f.dep_delay) as late from ods.flights f join ods.weather w
on f.origin = w.origin and f.month = w.month and f.day = w.day and f.hour = w.hour where w.wind_speed < 200 group by f.month order by f.month;
select x.carrier as one, y.carrier as other from ods.airlines x cross join ods.airlines y where x.carrier < y.carrier and x.name like 'A%' order by one, other;
select p.tailnum, (select count(*) from ods.flights f where f.tailnum = p.tailnum and f.month = 7) as in_july from ods.planes p where p.seats > 400 order by p.tailnum;
