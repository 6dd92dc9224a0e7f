import catalog from '../catalog/en.json';
import connections from '../connections/en.json';
import overview from '../overview/en.json';
import pipelines from '../pipelines/en.json';
import query from '../query/en.json';
import resources from '../resources/en.json';
import security from '../security/en.json';
import services from '../services/en.json';
import system from '../system/en.json';
import ui from '../ui/en.json';
import app from './en.json';

/** All sentences of this language. */
export default {
  ...app,
  ...ui,
  ...overview,
  ...catalog,
  ...query,
  ...connections,
  ...pipelines,
  ...services,
  ...security,
  ...resources,
  ...system,
};
